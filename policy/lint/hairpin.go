package lint

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// ownCallers finds NAT services whose real servers are among those who may call them, and that do
// not say what then. Where other clients are on a real server's network, neighbours (S10) says more.
func ownCallers(r *run) {
	c := r.callers()
	tests := make(map[netip.Addr][]*policy.Test, len(r.Tests)) // by what they call
	for i := range r.Tests {
		to := r.Tests[i].To.Addr()
		tests[to] = append(tests[to], &r.Tests[i])
	}
	r.eachService(func(s *policy.Service, object string) {
		if s.Mode != policy.NAT || s.Has("hairpin") {
			return
		}
		from, says := c.of(s)
		for i := range s.RealServers {
			rs := &s.RealServers[i]
			who := ""
			if owned, ok := from.first(inet.AddrRange(rs.Addr)); ok {
				who = says(owned.Owner)
			} else if len(s.Allow) == 0 && tested(tests, s, rs.Addr) {
				who = "a test"
			}
			if who == "" || !s.Called(inet.FamilyOf(rs.Addr)) || len(inet.Subtract([]inet.Range{inet.AddrRange(rs.Addr)}, s.Deny)) == 0 {
				continue
			}
			if _, _, _, told := c.beside(s); !told {
				r.find(rs.Pos, object, "write hairpin: true; or hairpin: false, if no real server calls the service",
					"its real server %s is a source of %s: when it calls the service, it gets no answer from itself, and none from a real server on its network, which answers directly, not through the gateway",
					rs.Addr, who)
			}
			return
		}
	})
}

// tested tells whether a test has an address call a service.
func tested(tests map[netip.Addr][]*policy.Test, s *policy.Service, from netip.Addr) bool {
	for _, vip := range s.VIP {
		for _, t := range tests[vip] {
			if t.From.Addr() == from && slices.ContainsFunc(s.Ports, func(p inet.ProtoPorts) bool { return p.Proto == t.Proto && p.Ports.Contains(t.To.Port()) }) {
				return true
			}
		}
	}
	return false
}

// linked finds NAT services with a real server on a network of this host where others could call
// from: sources of the policy, or neighbours that the kernel knows. What needs no host to be seen
// (S10) it does not repeat. Routers only send on what others call.
func linked(r *run, h Host) {
	if h.Interfaces == nil {
		return
	}
	c := r.callers()
	links := h.links()
	seen := h.strangers()
	lists := [][]inet.Range{seen}
	for i := range r.Zones {
		lists = append(lists, partly(r.Zones[i].From))
	}
	everybody := ownersOf(lists)
	r.eachService(func(s *policy.Service, object string) {
		if s.Mode != policy.NAT || s.Has("hairpin") && s.Hairpin.IsZero() {
			return
		}
		from := everybody
		if len(s.Allow) > 0 {
			from = ownersOf([][]inet.Range{inet.Intersect(seen, s.Allow), partly(s.Allow)})
		}
		for i := range s.RealServers {
			rs := &s.RealServers[i]
			on, ok := links.to(rs.Addr)
			if !ok || !s.Called(inet.FamilyOf(rs.Addr)) {
				continue
			}
			network := inet.PrefixRange(on.network)
			near, owner, ok := nearby(from, s, network)
			if !ok {
				continue
			}
			if _, _, _, told := c.beside(s); told {
				return
			}
			who := "the neighbour " + near.String()
			if owner > 0 {
				who = "clients " + near.String()
			}
			r.find(rs.Pos, object, "write hairpin: "+hairpinOf(s, network)+", or mode: fullnat with laddrs; or hairpin: false, if nobody there calls the service",
				"the real server %s and %s share the network %s of the interface %s: if these call the service, it answers them directly, not through the gateway, and they drop the answer",
				rs.Addr, who, on.network, on.name)
			return
		}
	})
}

// link is a network that an interface of the host has an address of.
type link struct {
	network netip.Prefix
	name    string // of the interface
}

// links finds the network that an address lies in: the most specific one.
type links struct {
	all    []link
	owners owners
}

func (h Host) links() links {
	var out links
	for _, i := range h.Interfaces {
		for _, a := range i.Addrs {
			if !a.IsSingleIP() && !a.Addr().IsLoopback() {
				out.all = append(out.all, link{a.Masked(), i.Name})
			}
		}
	}
	slices.SortStableFunc(out.all, func(a, b link) int { return cmp.Compare(b.network.Bits(), a.network.Bits()) })
	lists := make([][]inet.Range, len(out.all))
	for i, l := range out.all {
		lists[i] = []inet.Range{inet.PrefixRange(l.network)}
	}
	out.owners = ownersOf(lists)
	return out
}

func (l links) to(a netip.Addr) (link, bool) {
	o, ok := l.owners.first(inet.AddrRange(a))
	if !ok {
		return link{}, false
	}
	return l.all[o.Owner], true
}

// strangers returns the neighbours of the host that are neither routers nor the host itself.
func (h Host) strangers() []inet.Range {
	var out []inet.Range
	for _, a := range h.Neighbours {
		out = append(out, inet.AddrRange(a))
	}
	own, _ := h.own()
	for _, r := range h.Routes {
		if r.Gateway.IsValid() {
			own = append(own, inet.AddrRange(r.Gateway))
		}
	}
	return inet.Subtract(out, own)
}
