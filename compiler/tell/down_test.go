package tell_test

import (
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/policy"
)

// A real server that is down is told apart from one whose weight is 0.
func TestChangesOfState(t *testing.T) {
	p := compiled.Policy(t, []byte(`version: 1
services:
  - {name: web, vip: 203.0.113.10, ports: [tcp/80, tcp/443], scheduler: wrr, real_servers: [192.168.1.1, 192.168.1.2, {address: 192.168.1.3, weight: 2}]}
`))
	web := func(a, b policy.ServerState) *policy.Policy {
		return p.With(policy.State{Services: map[string]policy.ServiceState{"web": {Servers: map[netip.AddrPort]policy.ServerState{
			netip.MustParseAddrPort("192.168.1.1:0"): a, netip.MustParseAddrPort("192.168.1.2:0"): b}}}})
	}
	up, down, drains := policy.ServerState{Weight: 1}, policy.ServerState{Weight: 1, Down: true}, policy.ServerState{}
	live := compiled.Ruleset(t, p)
	for _, step := range []struct {
		to   *policy.Policy
		want string
	}{
		{web(down, up), "  ~ real_server web/192.168.1.1: share 1/4 → down\n"},
		{web(down, drains), "  ~ real_server web/192.168.1.2: share 1/3 → drains\n"},
		{web(drains, down), "  ~ real_server web/192.168.1.1: down → up, drains\n  ~ real_server web/192.168.1.2: drains → down\n"},
		{web(up, down), "  ~ real_server web/192.168.1.1: drains → share 1/3\n"},
		{web(up, up), "  ~ real_server web/192.168.1.2: down → up, share 1/4\n"},
		{p.With(policy.State{Services: map[string]policy.ServiceState{"web": {Closed: true}}}), "  ~ service web: wrr → no real servers: reject\n  ~ real_server web/192.168.1.1: share 1/4 → drains\n  ~ real_server web/192.168.1.2: share 1/4 → drains\n  ~ real_server web/192.168.1.3: share 1/2 → drains\n"},
	} {
		want := compiled.Ruleset(t, step.to)
		if got := string(changesText(tell.Changes(live, want, diff(t, live, want)))); got != step.want {
			t.Errorf("got\n%s\nwant\n%s", got, step.want)
		}
		live = want
	}
}
