package policy

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// checkServices applies the rules about services.
func (c *checker) checkServices() {
	for i := range c.Services {
		s := &c.Services[i]
		c.checkServiceAddresses(s)
		if !c.partial.service(i) {
			c.checkServiceLaddrs(s)
			for _, l := range s.servers() {
				c.checkWeights(s, l.list)
			}
			c.checkPorts(s)
			c.checkSynProxy(s)
			c.checkHealthPort(s)
			c.checkServiceHelpers(s)
			c.checkLimits(s.At("limits"), Object{"service", s.Name}, s.Has("limits"), &s.Limits)
		}
	}
	c.checkClaims()
	c.checkMarks()
}

// checkServiceAddresses holds a service's VIPs and real servers against each other.
func (c *checker) checkServiceAddresses(s *Service) {
	about := Object{"service", s.Name}
	var vips familySet
	for i, vip := range s.VIP {
		vips.add(inet.FamilyOf(vip))
		if what := unusable(inet.AddrRange(vip)); what != "" {
			c.Fault(s.vipPos(i), "P04", about, "write the address that clients call", "the VIP %s%s %s", vip, s.ofInterface(vip), what)
		}
	}
	for i := range s.Interfaces {
		vips.addMeant(s.Interfaces[i].Family)
	}
	own := among(s.VIP)
	for _, l := range s.servers() {
		var families familySet
		for i := range l.list {
			rs := &l.list[i]
			families.add(inet.FamilyOf(rs.Addr))
			if what := unusable(inet.AddrRange(rs.Addr)); what != "" {
				c.Fault(rs.Pos, "P04", about, "write the address that the server has on its network", "the %s %s %s", l.what, rs.Addr, what)
			}
			if own(rs.Addr) {
				c.Fault(rs.Pos, "S07", about, "write the address that the server itself has", "the VIP %s%s is its own %s", rs.Addr, s.ofInterface(rs.Addr), l.what)
			}
		}
		c.checkTwins(s, l)
		if vips != (familySet{}) && len(l.list) > 0 && vips != families && !(vips.v4 && families.v4) && !(vips.v6 && families.v6) {
			c.Fault(l.list[0].Pos, "S08", about, "add a VIP or a "+l.what+", so that both have the same family",
				"the VIPs are %s and the %ss %s: snatctl does not translate between the two", vips, l.what, families)
		}
	}
}

// serverList is one of a service's lists of servers.
type serverList struct {
	what string // one of them
	list []RealServer
}

// servers returns the lists that a service has servers in.
func (s *Service) servers() [2]serverList {
	return [2]serverList{{"real server", s.RealServers}, {"sorry server", s.SorryServers}}
}

// among returns a function that tells whether an address is one of a list. Lists are short as
// a rule, so a map is made only for long ones.
func among(list []netip.Addr) func(netip.Addr) bool {
	if len(list) <= 8 {
		return func(a netip.Addr) bool { return slices.Contains(list, a) }
	}
	set := make(map[netip.Addr]bool, len(list))
	for _, a := range list {
		set[a] = true
	}
	return func(a netip.Addr) bool { return set[a] }
}

// String returns "IPv4", "IPv6" or both.
func (s familySet) String() string {
	switch {
	case s.v4 && s.v6:
		return "IPv4 and IPv6"
	case s.v4:
		return inet.V4.String()
	case s.v6:
		return inet.V6.String()
	}
	return "of no family"
}

// checkTwins reports real servers that are listed twice. Where the service has one port only,
// a real server without a port is one with that port.
func (c *checker) checkTwins(s *Service, l serverList) {
	own := uint16(0)
	for i, pp := range s.Ports {
		if !pp.Ports.Single() || i > 0 && pp.Ports.First != own {
			own = 0
			break
		}
		own = pp.Ports.First
	}
	endpoint := func(rs *RealServer) netip.AddrPort {
		return netip.AddrPortFrom(rs.Addr, cmp.Or(rs.Port, own))
	}
	report := func(first, again *RealServer) {
		c.Fault(again.Pos, "S06", Object{"service", s.Name}, "remove one of the two; for a larger share, raise the weight of the other",
			"the %s %s is listed twice, first at %s", l.what, again, first.Pos)
	}
	if len(l.list) <= 16 { // the usual case, without a map
		for i := range l.list {
			for j := range i {
				if l.list[i].Addr == l.list[j].Addr && endpoint(&l.list[i]) == endpoint(&l.list[j]) {
					report(&l.list[j], &l.list[i])
					break
				}
			}
		}
		return
	}
	seen := make(map[netip.AddrPort]int, len(l.list))
	for i := range l.list {
		e := endpoint(&l.list[i])
		if j, ok := seen[e]; ok {
			report(&l.list[j], &l.list[i])
			continue
		}
		seen[e] = i
	}
}

// checkServiceLaddrs holds a service's laddrs and hairpin against its mode and real servers.
func (c *checker) checkServiceLaddrs(s *Service) {
	about := Object{"service", s.Name}
	c.checkClientAddress(s)
	if s.Mode != NAT && !s.Hairpin.IsZero() {
		c.Fault(s.At("hairpin"), "S21", about, "remove hairpin, or write mode: nat", "mode fullnat needs no hairpin: real servers answer to laddrs, whoever calls")
	}
	if s.Mode == NAT {
		if s.Has("laddrs") {
			c.Fault(s.At("laddrs"), "S09", about, "write mode: fullnat, or remove laddrs", "mode nat does not use laddrs")
		}
		return
	}
	if s.Laddrs == nil {
		c.Fault(s.At("mode"), "S09", about, "add laddrs, the sources that real servers see", "mode fullnat needs laddrs")
		return
	}
	if s.Laddrs.Block > 0 {
		c.Fault(s.At("laddrs"), "S20", about, "name a pool without block", "the pool %s gives blocks of ports to the sources of zones; a service cannot use it, since nobody knows how many clients it has", s.Laddrs.Name)
	}
	have := c.poolFamilies(s.Laddrs)
	var missing familySet
	for _, l := range s.servers() {
		for i := range l.list {
			if f := inet.FamilyOf(l.list[i].Addr); !have.has(f) && !missing.has(f) {
				missing.add(f)
				c.Fault(s.At("laddrs"), "S09", about, "add an "+f.String()+" laddr",
					"the %s %s has no laddr of its family %s", l.what, l.list[i].Addr, f)
			}
		}
	}
}

// checkWeights reports weights that rr would ignore. A weight of 0 is none: it drains.
func (c *checker) checkWeights(s *Service, servers []RealServer) {
	if s.Scheduler != RoundRobin {
		return
	}
	var first4, first6 int
	for i := range servers {
		rs := &servers[i]
		first := &first4
		if rs.Addr.Is6() {
			first = &first6
		}
		switch {
		case rs.Weight == 0 || rs.Weight == *first:
		case *first == 0:
			*first = rs.Weight
		default:
			c.Fault(rs.Pos, "S16", Object{"service", s.Name}, "write scheduler: wrr, or make the weights equal",
				"the scheduler rr ignores weights, but %s has %d and another %d", rs, rs.Weight, *first)
			return
		}
	}
}

// checkPorts reports a service of many ports where some real servers have a port of
// their own and some have not: one translation cannot do both. Sorry servers take their place.
func (c *checker) checkPorts(s *Service) {
	exact := func(pp inet.ProtoPorts) bool { return pp.Ports.Single() }
	if !s.ByMark() && !slices.ContainsFunc(s.Ports, func(pp inet.ProtoPorts) bool { return !exact(pp) }) {
		return
	}
	many, hint := "with a range of ports", "give all of them a port or none, or write the ports one by one"
	if s.ByMark() {
		many, hint = "packets with a mark may call any port", "give all of them a port or none"
	}
	for _, f := range inet.Families {
		var with, without *RealServer
		var whatWith, whatWithout string
		for _, l := range s.servers() {
			for i := range l.list {
				switch rs := &l.list[i]; {
				case inet.FamilyOf(rs.Addr) != f:
				case rs.Port != 0:
					with, whatWith = rs, l.what
				default:
					without, whatWithout = rs, l.what
				}
			}
		}
		if with != nil && without != nil {
			c.Fault(with.Pos, "S17", Object{"service", s.Name}, hint,
				many+", the %s %s has a port and the %s %s has none", whatWith, with, whatWithout, without)
		}
	}
}
