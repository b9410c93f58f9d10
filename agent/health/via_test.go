package health

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A check goes its own way, though routing has another: by the mark to a table of routing, and by
// the interface no other way once that table has none.
func TestVia(t *testing.T) {
	w := nstest.New(t, nstest.Options{RealServers: 1})
	second := Via{Interface: "wan1", Mark: 2 << 24}
	for family, via := range map[string]string{"-4": "198.18.1.1", "-6": "2001:db8:3::1"} {
		out(t, w.Gateway, "ip", family, "rule", "add", "pref", "20001", "fwmark", "0x2000000/0xff000000", "lookup", "20001")
		out(t, w.Gateway, "ip", family, "route", "add", "default", "via", via, "dev", "wan1", "table", "20001")
	}
	for _, address := range []string{"8.8.8.8:80", "[2001:db8:8::8]:80"} {
		if err := w.Outside.ServeTCP(address); err != nil {
			t.Fatal(err)
		}
	}
	checks := []Check{{Type: ICMP}, {Type: TCP, Port: 80, Expect: "outside"}}
	check := func(state string, v Via, passes bool) {
		t.Helper()
		for _, k := range checks {
			for _, to := range []string{"8.8.8.8", "2001:db8:8::8"} {
				k.Via, k.Timeout = v, 2*time.Second
				if !passes {
					k.Timeout = 200 * time.Millisecond
				}
				if problem := probe(t, w.Gateway, k, to); (problem == "") != passes {
					t.Errorf("%s: %s to %s by %+v: %q", state, k.Type, to, v, problem)
				}
			}
		}
	}
	check("all is well", Via{}, true)
	check("all is well", second, true)
	out(t, w.Outside, "ip", "link", "set", "wan1", "down")
	check("without a carrier", second, false)
	check("without a carrier", Via{}, true)
	out(t, w.Gateway, "ip", "link", "set", "wan1", "down")
	check("down", second, false)
	if got := probe(t, w.Gateway, Check{Type: ICMP, Via: Via{Interface: "wan9"}}, "8.8.8.8"); got != "there is no interface wan9" {
		t.Errorf("an interface that is not there: %q", got)
	}
}

// probe checks an address from a host, and returns what is wrong. What is local counts as nothing.
func probe(t *testing.T, h *nstest.Host, k Check, to string) (problem string) {
	t.Helper()
	err := h.Do(func() error {
		at := netip.AddrPortFrom(netip.MustParseAddr(to), 0)
		r := newProbes(Options{}).run(t.Context(), Target{ID: ID{Server: at}, To: at, Check: &k})
		if problem = r.problem; r.local {
			return fmt.Errorf("%s to %s: %s", k.Type, to, r.problem)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return problem
}

func out(t *testing.T, h *nstest.Host, name string, args ...string) {
	t.Helper()
	if _, err := h.Output(t.Context(), name, args...); err != nil {
		t.Fatal(err)
	}
}
