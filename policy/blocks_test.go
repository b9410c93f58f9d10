package policy_test

import (
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestBlocks counts every block of a pool off and back: each source has a block of its own,
// and each port of a block leads back to its source.
func TestBlocks(t *testing.T) {
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(`version: 1
laddrs:
  cgn: {addresses: [198.51.100.9-198.51.100.10, 198.51.100.1, "2001:db8::/126"], ports: 1000-1049, block: 15}
zones:
  - {name: a, from: [10.0.0.4/30, "fd00::/125"], laddrs: cgn}
  - {name: other, from: 10.1.0.0/16, action: drop}
  - {name: b, from: [10.0.0.3-10.0.0.5, 10.0.0.1], laddrs: cgn}
`)}})
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	pool := &p.Laddrs[0]
	type block struct {
		laddr netip.Addr
		first uint16
	}
	owners := make(map[block]netip.Addr)
	// 10.0.0.4 and .5 stand twice: their second numbers, 5 and 6, stay unused.
	for source, want := range map[string]string{
		"10.0.0.4": "198.51.100.9:1000", "10.0.0.5": "198.51.100.9:1015", "10.0.0.6": "198.51.100.9:1030", "10.0.0.7": "198.51.100.10:1000",
		"10.0.0.3": "198.51.100.10:1015", "10.0.0.1": "198.51.100.1:1015",
		"fd00::": "[2001:db8::]:1000", "fd00::1": "[2001:db8::]:1015", "fd00::2": "[2001:db8::]:1030", "fd00::3": "[2001:db8::1]:1000",
		"fd00::7": "[2001:db8::2]:1015",
	} {
		laddr, ports, ok := policy.BlockOf(pool, p.Zones, netip.MustParseAddr(source))
		if got := netip.AddrPortFrom(laddr, ports.First); !ok || got != netip.MustParseAddrPort(want) || ports.Len() != 15 {
			t.Errorf("policy.BlockOf(%s) = %v %v %v, want 15 ports from %s on", source, laddr, ports, ok, want)
		}
		if other, taken := owners[block{laddr, ports.First}]; taken {
			t.Errorf("%s and %s have the same block", source, other)
		}
		owners[block{laddr, ports.First}] = netip.MustParseAddr(source)
	}
	for _, source := range []string{"10.0.0.2", "10.0.0.8", "10.1.0.1", "fd00::8"} {
		if laddr, ports, ok := policy.BlockOf(pool, p.Zones, netip.MustParseAddr(source)); ok {
			t.Errorf("policy.BlockOf(%s) = %v %v, want none", source, laddr, ports)
		}
	}
	for _, r := range append(pool.Ranges(inet.V4), pool.Ranges(inet.V6)...) {
		for laddr := r.From; r.Contains(laddr); laddr = laddr.Next() {
			for port := uint16(990); port < 1060; port++ {
				got, ok := policy.SubscriberOf(pool, p.Zones, laddr, port)
				if ok {
					back, ports, _ := policy.BlockOf(pool, p.Zones, got)
					if back != laddr || !ports.Contains(port) {
						t.Errorf("policy.SubscriberOf(%s, %d) = %s, whose block is %s %s", laddr, port, got, back, ports)
					}
				}
				whole := port >= 1000 && port < 1045
				want := owners[block{laddr, 1000 + (port-1000)/15*15}]
				if want.IsValid() && whole && got != want || !whole && ok {
					t.Errorf("policy.SubscriberOf(%s, %d) = %s %v, want %s", laddr, port, got, ok, want)
				}
			}
		}
	}
	for _, port := range []uint16{1030, 1000} { // numbers 5 and 6
		laddr := map[uint16]string{1030: "198.51.100.10", 1000: "198.51.100.1"}[port]
		if got, ok := policy.SubscriberOf(pool, p.Zones, netip.MustParseAddr(laddr), port); ok {
			t.Errorf("policy.SubscriberOf(%s, %d) = %s, want none", laddr, port, got)
		}
	}
	if got, ok := policy.SubscriberOf(pool, p.Zones, netip.MustParseAddr("192.0.2.1"), 1000); ok {
		t.Errorf("SubscriberOf a foreign address = %s, want none", got)
	}
}
