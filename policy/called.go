package policy

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// Called finds the services of a policy by what clients call, without walking all of them. It is
// safe for concurrent use.
type Called struct {
	claims map[calledAt][]calledClaim
	marks  map[markedAt]*Service
}

type markedAt struct {
	family inet.Family
	mark   uint32
}

type calledAt struct {
	vip   netip.Addr
	proto inet.Proto
}

type calledClaim struct {
	ports   inet.PortRange
	service *Service
}

// Called returns the index of a policy's services.
func (p *Policy) Called() *Called {
	c := &Called{make(map[calledAt][]calledClaim, len(p.Services)), make(map[markedAt]*Service)}
	for i := range p.Services {
		s := &p.Services[i]
		for _, f := range inet.Families {
			if s.marks(f) {
				c.marks[markedAt{f, s.Mark}] = s
			}
		}
		for _, vip := range s.VIP {
			for _, pp := range s.Ports {
				at := calledAt{vip, pp.Proto}
				c.claims[at] = append(c.claims[at], calledClaim{pp.Ports, s})
			}
		}
	}
	return c
}

// Service returns the service that claims a destination, as Decide finds it: by its exact port
// before any range that holds it, by a range before all ports; nil if none does.
func (c *Called) Service(proto inet.Proto, to netip.AddrPort) *Service {
	var winner *Service
	best := 0
	for _, claim := range c.claims[calledAt{to.Addr(), proto}] {
		if proto.HasPorts() && !claim.ports.Contains(to.Port()) {
			continue
		}
		if r := rank(claim.ports); winner == nil || r < best {
			winner, best = claim.service, r
		}
	}
	return winner
}

// Marked returns the service that takes packets of a family with a mark; nil if none does.
func (c *Called) Marked(f inet.Family, mark uint32) *Service { return c.marks[markedAt{f, mark}] }
