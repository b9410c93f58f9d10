package gateway

import (
	"testing"

	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/policy"
)

// chosen is a policy whose zones choose among uplinks in each way.
const chosen = `
version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: [192.0.2.1, "2001:db8:2::1"], weight: 3}
    isp2: {interface: wan1, gateway: 198.18.1.1}
    isp3: {interface: wan2}
zones:
  - {name: one, from: 10.1.0.0/16, uplink: isp1, action: masquerade}
  - {name: list, from: [10.2.0.0/16, "fd02::/64"], uplink: [isp1, isp2, isp3], action: masquerade}
  - {name: mail, from: 10.3.0.0/16, ports: tcp/25, uplink: [isp2, isp3], laddrs: {isp2: 198.18.1.10, isp3: 203.0.113.1}}
  - {name: all, from: [0.0.0.0/0, "::/0"], uplink: balance, action: masquerade}
services:
  - {name: web, vip: 203.0.113.2, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}
`

// Whatever uplinks go down and come back, one transaction makes the table that a compile of the state gives, also
// beside real servers that go.
func TestSteer(t *testing.T) {
	h, g := holding(t)
	p := compiled.Policy(t, []byte(chosen))
	f := force(t, h, g, p)
	down := policy.UplinkState{Down: true}
	web := policy.ServiceState{Closed: true}
	for i, state := range []map[string]policy.UplinkState{
		{"isp1": down}, {"isp1": down, "isp2": down}, {"isp2": down}, {"isp1": down, "isp2": down, "isp3": down}, {"isp3": down}, {}, {"isp1": down}, nil,
	} {
		before := f.Generation()
		if err := h.Do(func() error { return f.Steer(t.Context(), state) }); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if n := f.Generation(); n != before.After(1) && n != before {
			t.Errorf("%d: it took the generation from %v to %v", i, before, n)
		}
		whole := policy.State{Uplinks: state, Services: f.state.Services}
		if plan := differs(t, g, p.With(whole)); !plan.Empty() {
			t.Fatalf("%d: the table differs:\n%s", i, text(plan))
		}
		if i == 2 {
			if err := h.Do(func() error {
				if err := f.Evict(t.Context(), []ServiceChange{{"web", web}}); err != nil {
					return err
				}
				return f.Reshape(t.Context())
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got := f.Policy().State().Uplinks; len(got) != len(state) {
			t.Errorf("%d: its policy has %v", i, got)
		}
	}
}
