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
			c.checkWeights(s)
			c.checkPorts(s)
		}
	}
	c.checkClaims()
}

// checkServiceAddresses holds a service's VIPs and real servers against each other.
func (c *checker) checkServiceAddresses(s *Service) {
	about := Object{"service", s.Name}
	var vips, servers familySet
	for i, vip := range s.VIP {
		vips.add(inet.FamilyOf(vip))
		if what := unusable(inet.AddrRange(vip)); what != "" {
			c.Fault(s.Item("vip", i), "P04", about, "write the address that clients call", "the VIP %s %s", vip, what)
		}
	}
	own := among(s.VIP)
	for i := range s.RealServers {
		rs := &s.RealServers[i]
		servers.add(inet.FamilyOf(rs.Addr))
		if what := unusable(inet.AddrRange(rs.Addr)); what != "" {
			c.Fault(rs.Pos, "P04", about, "write the address that the server has on its network", "the real server %s %s", rs.Addr, what)
		}
		if own(rs.Addr) {
			c.Fault(rs.Pos, "S07", about, "write the address that the server itself has", "the VIP %s is its own real server", rs.Addr)
		}
	}
	c.checkTwins(s)
	if len(s.VIP) > 0 && len(s.RealServers) > 0 && vips != servers && !(vips.v4 && servers.v4) && !(vips.v6 && servers.v6) {
		c.Fault(s.RealServers[0].Pos, "S08", about, "add a VIP or a real server, so that both have the same family",
			"the VIPs are %s and the real servers %s: snatctl does not translate between the two", vips, servers)
	}
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
func (c *checker) checkTwins(s *Service) {
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
			"the real server %s is listed twice, first at %s", again, first.Pos)
	}
	if len(s.RealServers) <= 16 { // the usual case, without a map
		for i := range s.RealServers {
			for j := range i {
				if s.RealServers[i].Addr == s.RealServers[j].Addr && endpoint(&s.RealServers[i]) == endpoint(&s.RealServers[j]) {
					report(&s.RealServers[j], &s.RealServers[i])
					break
				}
			}
		}
		return
	}
	seen := make(map[netip.AddrPort]int, len(s.RealServers))
	for i := range s.RealServers {
		e := endpoint(&s.RealServers[i])
		if j, ok := seen[e]; ok {
			report(&s.RealServers[j], &s.RealServers[i])
			continue
		}
		seen[e] = i
	}
}

// checkServiceLaddrs holds a service's laddrs and hairpin against its mode and real servers.
func (c *checker) checkServiceLaddrs(s *Service) {
	about := Object{"service", s.Name}
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
	for i := range s.RealServers {
		if f := inet.FamilyOf(s.RealServers[i].Addr); !have.has(f) && !missing.has(f) {
			missing.add(f)
			c.Fault(s.At("laddrs"), "S09", about, "add an "+f.String()+" laddr",
				"the real server %s has no laddr of its family %s", s.RealServers[i].Addr, f)
		}
	}
}

// checkWeights reports weights that rr would ignore. A weight of 0 is none: it drains.
func (c *checker) checkWeights(s *Service) {
	if s.Scheduler != RoundRobin {
		return
	}
	var first4, first6 int
	for i := range s.RealServers {
		rs := &s.RealServers[i]
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
// their own and some have not: one translation cannot do both.
func (c *checker) checkPorts(s *Service) {
	exact := func(pp inet.ProtoPorts) bool { return pp.Ports.Single() }
	if !slices.ContainsFunc(s.Ports, func(pp inet.ProtoPorts) bool { return !exact(pp) }) {
		return
	}
	for _, f := range inet.Families {
		var with, without *RealServer
		for i := range s.RealServers {
			switch rs := &s.RealServers[i]; {
			case inet.FamilyOf(rs.Addr) != f:
			case rs.Port != 0:
				with = rs
			default:
				without = rs
			}
		}
		if with != nil && without != nil {
			c.Fault(with.Pos, "S17", Object{"service", s.Name}, "give all real servers a port or none, or write the ports one by one",
				"with a range of ports, the real server %s has a port and %s has none", with, without)
		}
	}
}
