package nstest

import (
	"testing"
	"time"
)

// Each uplink leads everywhere by its own router, dies by itself, and comes back whole.
func TestRouters(t *testing.T) {
	w := New(t, Options{RealServers: 1})
	r, err := w.AddRouters(t.Context())
	must(t, err)
	must(t, w.Gateway.script(t.Context(), "ip route add default via 198.18.1.1 table 9; ip rule add from 198.18.1.2 lookup 9; ip -6 route add default via 2001:db8:3::1 table 9; ip -6 rule add from 2001:db8:3::2 lookup 9"))
	state := func(what string, want bool, from ...string) {
		t.Helper()
		for _, a := range from {
			to := "8.8.8.8"
			if len(a) > 12 {
				to = "2001:db8:8::8"
			}
			err := w.Gateway.Ping(t.Context(), a, to)
			for deadline := time.Now().Add(20 * time.Second); err != nil && want && time.Now().Before(deadline); {
				err = w.Gateway.Ping(t.Context(), a, to) // a link takes a while to carry, and neighbours to be found
			}
			if (err == nil) != want {
				t.Errorf("%s: a ping from %s to %s: %v", what, a, to, err)
			}
		}
	}
	first, second := []string{"192.0.2.2", "2001:db8:2::2"}, []string{"198.18.1.2", "2001:db8:3::2"}
	state("at first", true, first...)
	state("at first", true, second...)
	must(t, r.Mute(t.Context(), 1))
	state("mute", false, second[0])
	state("mute", true, first...)
	must(t, r.Unmute(t.Context(), 1))
	state("no longer mute", true, second...)
	must(t, r.Cut(t.Context(), 0))
	state("cut", true, second...)
	must(t, r.Splice(t.Context(), 0))
	state("spliced", true, first...)
}
