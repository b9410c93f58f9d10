package policy

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// MaxMark is the greatest mark that a service can have. A packet's mark has 32 bits, of which the
// upper eight are not the service's business: gateways with several uplinks need some of their own.
const MaxMark = 1<<24 - 1

// ByMark tells whether the service takes what bears a mark, in place of what calls its VIPs.
func (s *Service) ByMark() bool { return s.Mark != 0 }

// serves tells whether the service has a real server or sorry server of a family. A State changes
// nothing about it.
func (s *Service) serves(f inet.Family) bool {
	has := func(rs RealServer) bool { return inet.FamilyOf(rs.Addr) == f }
	return slices.ContainsFunc(s.RealServers, has) || slices.ContainsFunc(s.SorryServers, has)
}

// marks tells whether the service takes packets of a family that bear its mark. One without any server
// takes both: what else could be meant?
func (s *Service) marks(f inet.Family) bool {
	return s.ByMark() && (s.serves(f) || len(s.RealServers)+len(s.SorryServers) == 0)
}

// bears tells whether the packet bears the service's mark, so that the service takes it.
func (s *Service) bears(pkt *Packet) bool {
	return s.ByMark() && pkt.Mark&MaxMark == s.Mark && pkt.Proto.HasPorts() && s.marks(inet.FamilyOf(pkt.From.Addr()))
}

// marked returns the service that takes the packet by its mark; nil where none does. It comes before those
// that have the VIP: whoever marks a packet has looked at it already.
func (d *decider) marked() *Service {
	mark := d.pkt.Mark & MaxMark
	if mark == 0 {
		return nil
	}
	for i := range d.policy.Services {
		if s := &d.policy.Services[i]; s.bears(&d.pkt) {
			d.say("service %s: takes what bears the mark %d", s.Name, mark)
			return s
		}
	}
	d.say("no service takes %s %s with the mark %d", d.family, d.pkt.Proto, mark)
	return nil
}

// checkMarks reports services that share a mark: a packet bears one mark, and only its family can tell two
// services apart.
func (c *checker) checkMarks() {
	type taken struct {
		mark   uint32
		family inet.Family
	}
	first := make(map[taken]*Service)
	for i := range c.Services {
		s := &c.Services[i]
		if c.partial.service(i) {
			continue
		}
		if s.ByMark() && len(s.Helpers) > 0 {
			c.Fault(s.At("helpers"), "S34", Object{"service", s.Name}, "remove helpers, or write a service with a VIP for these connections", "a helper reads connections by their port, and those with a mark may call any")
		}
		for _, f := range inet.Families {
			if !s.marks(f) {
				continue
			}
			at := taken{s.Mark, f}
			if other := first[at]; other != nil {
				c.Fault(s.At("mark"), "S32", Object{"service", s.Name}, "give one of the two another mark, or make one service of them",
					"%s packets with the mark %d already belong to service %s (%s)", f, s.Mark, other.Name, other.At("mark"))
				break
			}
			first[at] = s
		}
	}
}
