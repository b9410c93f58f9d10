package lint

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// onLink returns the network that an address most likely shares with its neighbours: a /24,
// or a /64.
func onLink(a netip.Addr) inet.Range {
	bits := 24
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return inet.PrefixRange(p)
}

// callers are those who may call services: a service's own `allow` says who, without one the
// zones' sources do. What holds a whole family says nothing about where clients are.
type callers struct {
	run   *run
	zones owners
}

func (r *run) callers() callers {
	lists := make([][]inet.Range, len(r.Zones))
	for i := range r.Zones {
		lists[i] = partly(r.Zones[i].From)
	}
	return callers{r, ownersOf(lists)}
}

// of returns the callers of a service, and who says so of an owner.
func (c callers) of(s *policy.Service) (owners, func(owner int) string) {
	if len(s.Allow) > 0 {
		return ownersOf([][]inet.Range{partly(s.Allow)}), func(int) string { return "its allow" }
	}
	return c.zones, func(owner int) string { return "zone " + c.run.Zones[owner].Name }
}

// neighbours finds NAT services that are called from the network that a real server is in.
func neighbours(r *run) {
	c := r.callers()
	r.eachService(func(s *policy.Service, object string) {
		rs, near, who, ok := c.beside(s)
		if !ok {
			return
		}
		network := onLink(rs.Addr)
		r.find(rs.Pos, object, "write hairpin: "+hairpinOf(s, network)+", or mode: fullnat with laddrs of the real server's network, or move the real server to a network of its own",
			"the real server %s and clients %s of %s share the network %s: it answers them directly, not through the gateway, and they drop the answer",
			rs.Addr, near, who, network)
	})
}

// beside returns a real server of a NAT service, and clients that most likely share its network.
func (c callers) beside(s *policy.Service) (rs *policy.RealServer, near inet.Range, who string, ok bool) {
	if s.Mode != policy.NAT {
		return nil, near, "", false
	}
	from, says := c.of(s)
	for i := range s.RealServers {
		rs = &s.RealServers[i]
		if near, owner, ok := nearby(from, s, onLink(rs.Addr)); ok {
			return rs, near, says(owner), true
		}
	}
	return nil, near, "", false
}

// hairpinOf returns what to write for a service's hairpin to hold a network, too.
func hairpinOf(s *policy.Service, network inet.Range) string {
	return list(inet.Merge(slices.Concat(s.Hairpin.From, []inet.Range{network})))
}

// partly returns the ranges that are not a whole family.
func partly(rs []inet.Range) []inet.Range {
	var out []inet.Range
	for _, r := range rs {
		if !isEverything(r) {
			out = append(out, r)
		}
	}
	return out
}

// nearby returns clients in a network of real servers, and the list of callers that they are in.
// The service's own real servers do not count, nor do sources in its deny or its hairpin.
func nearby(callers owners, s *policy.Service, network inet.Range) (near inet.Range, owner int, ok bool) {
	for _, o := range callers.from(network.From) {
		if !o.Range.Overlaps(network) {
			break
		}
		left := inet.Subtract([]inet.Range{common(o.Range, network)}, s.Deny)
		if len(s.Hairpin.From) > 0 {
			left = inet.Subtract(left, s.Hairpin.From)
		}
		for i := 0; i < len(s.RealServers) && len(left) > 0; i++ {
			if network.Contains(s.RealServers[i].Addr) {
				left = inet.Subtract(left, []inet.Range{inet.AddrRange(s.RealServers[i].Addr)})
			}
		}
		switch {
		case len(left) == 1 && left[0].Single():
			return left[0], o.Owner, true
		case len(left) > 0:
			return common(o.Range, network), o.Owner, true
		}
	}
	return inet.Range{}, 0, false
}
