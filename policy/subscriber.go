package policy

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Subscriber is a source with its laddr and block of ports, and the zone that gives it these. The
// zero value is nobody.
type Subscriber struct {
	Source netip.Addr
	Zone   string
	Laddr  netip.Addr
	Ports  inet.PortRange
}

// Block returns the laddr with the ports: "198.51.100.64:3072-4095".
func (s Subscriber) Block() string { return s.Laddr.String() + ":" + s.Ports.String() }

// HasBlocks tells whether any source has a block of ports of its own.
func (p *Policy) HasBlocks() bool {
	return slices.ContainsFunc(p.Zones, func(z Zone) bool { return z.Laddrs != nil && z.Laddrs.Block > 0 })
}

// Subscriber finds the source that has a laddr and port in a block of its own. It returns false
// where there is none.
func (p *Policy) Subscriber(at netip.AddrPort) (Subscriber, bool) {
	for i := range p.Zones {
		z := &p.Zones[i]
		if z.Laddrs == nil || z.Laddrs.Block == 0 {
			continue
		}
		source, ok := SubscriberOf(z.Laddrs, p.Zones, at.Addr(), at.Port())
		if !ok || !z.HasSource(source) {
			continue
		}
		laddr, ports, _ := BlockOf(z.Laddrs, p.Zones, source)
		return Subscriber{source, z.Name, laddr, ports}, true
	}
	return Subscriber{}, false
}
