package lint

import (
	"strings"
	"testing"
)

// TestHomelessHints holds that P03's way out fits where the address lies: no blackhole route
// is advised for one that neighbours on a link ask for.
func TestHomelessHints(t *testing.T) {
	v6 := func(h *Host) { h.Interfaces[1].Addrs = append(h.Interfaces[1].Addrs, prefix("2a00:1::1/64")) }
	for _, c := range []struct {
		from, laddr string
		want, not   string
	}{
		{"10.1.0.0/16", "20.0.2.77", "ip route add local 20.0.2.77/32 dev lo", "blackhole"},
		{"fd01::/64", "2a00:1::77", "ip -6 neigh add proxy 2a00:1::77", "blackhole"},
		{"10.1.0.0/16", "30.0.0.1", "ip route add blackhole 30.0.0.1", " local "},
		{"10.1.0.0/16", "20.0.2.77", "write `addresses: routes` under gateway", "blackhole"},
		{"10.1.0.0/16", "30.0.0.1", "write `addresses: routes` under gateway", " local "},
	} {
		found := false
		text := "version: 1\ngateway: {uplinks: [wan0]}\nzones:\n  - {name: office, from: \"" + c.from + "\", laddrs: \"" + c.laddr + "\"}\n"
		for _, d := range lintHost(t, text, v6) {
			if d.Code != "P03" {
				continue
			}
			found = true
			if !strings.Contains(d.Hint, c.want) || strings.Contains(d.Hint, c.not) {
				t.Errorf("the hint for %s is %q, want %q and no %q", c.laddr, d.Hint, c.want, c.not)
			}
		}
		if !found {
			t.Errorf("no P03 for %s", c.laddr)
		}
	}
}
