package lint

import (
	"net/netip"

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

// neighbours finds NAT services that are called from the network that a real server stands in.
// A service's own `allow` says who calls; without one the zones' sources do. What holds a whole
// family says nothing about where clients stand.
func neighbours(r *run) {
	lists := make([][]inet.Range, len(r.Zones))
	for i := range r.Zones {
		lists[i] = partly(r.Zones[i].From)
	}
	zones := ownersOf(lists)
	r.eachService(func(s *policy.Service, object string) {
		if s.Mode != policy.NAT {
			return
		}
		callers := zones
		if len(s.Allow) > 0 {
			callers = ownersOf([][]inet.Range{partly(s.Allow)})
		}
		for i := range s.RealServers {
			near, zone, ok := nearby(callers, s, s.RealServers[i].Addr)
			if !ok {
				continue
			}
			who := "its allow"
			if len(s.Allow) == 0 {
				who = "zone " + r.Zones[zone].Name
			}
			r.find(s.RealServers[i].Pos, object, "write mode: fullnat with laddrs of the real server's network, or move the real server to a network of its own",
				"the real server %s and clients %s of %s share the network %s: it answers them directly, not through the gateway, and they drop the answer",
				s.RealServers[i].Addr, near, who, onLink(s.RealServers[i].Addr))
			return
		}
	})
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

// nearby returns clients in the network of a real server, and which list of callers holds
// them. The service's real servers themselves do not count, nor does whom it denies.
func nearby(callers owners, s *policy.Service, server netip.Addr) (near inet.Range, owner int, ok bool) {
	network := onLink(server)
	for _, o := range callers.from(network.From) {
		if !o.Range.Overlaps(network) {
			break
		}
		left := inet.Subtract([]inet.Range{common(o.Range, network)}, s.Deny)
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
