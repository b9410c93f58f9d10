package lint

import (
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/toa"
)

// tellsClients tells whether real servers of some service learn who called.
func tellsClients(r *run) bool {
	return slices.ContainsFunc(r.Services, func(s policy.Service) bool { return s.TellsClients() })
}

// eachTold calls f with each real server that learns who called, sorry servers too, until it says that there is a
// finding; then the next service follows.
func (r *run) eachTold(f func(s *policy.Service, object string, rs *policy.RealServer) bool) {
	r.eachService(func(s *policy.Service, object string) {
		if !s.TellsClients() || s.Laddrs == nil {
			return
		}
		for _, rs := range slices.Concat(s.RealServers, s.SorryServers) {
			if f(s, object, &rs) {
				return
			}
		}
	})
}

// pastGateway finds laddrs whose network this host reaches by another way than the real server. Where nothing but the
// default route leads to a laddr nobody can tell, and what a route to nowhere holds is the author's care.
func pastGateway(r *run, h Host) {
	if h.Routes == nil {
		return
	}
	back := waysOf(h.Routes)
	networks := waysOf(slices.DeleteFunc(slices.Clone(h.Routes), func(r Route) bool { return r.Local || r.Dst.Bits() == 0 || r.Dst.IsSingleIP() }))
	r.eachTold(func(s *policy.Service, object string, rs *policy.RealServer) bool {
		out := back.exits(rs.Addr)
		for _, l := range s.Laddrs.Ranges(inet.FamilyOf(rs.Addr)) {
			homes := networks.exits(l.From)
			if len(out) == 0 || len(homes) == 0 || slices.ContainsFunc(homes, func(home Route) bool {
				return home.Interface == "" || !home.Gateway.IsValid() && leaves(out, home.Interface)
			}) {
				continue
			}
			home := homes[0]
			hint := "write laddrs of a network of " + out[0].Interface
			if !home.Gateway.IsValid() {
				r.find(rs.Pos, object, hint+", or ignore this if the real server has this host for its way to that network",
					"the real server %s is behind %s, and the laddr %s belongs to the network %s of %s: its answers come in there, if at all", rs.Addr, out[0].Interface, l.From, home.Dst, home.Interface)
				return true
			}
			r.find(rs.Pos, object, hint+", or ignore this if that router leads the laddr here",
				"the laddr %s is in %s, which is behind the router %s: answers of the real server %s go there", l.From, home.Dst, home.Gateway, rs.Addr)
			return true
		}
		return false
	})
}

// leaves tells whether a way is by an interface.
func leaves(out []Route, name string) bool {
	return slices.ContainsFunc(out, func(r Route) bool { return r.Interface == name })
}

// sizes are bytes of a packet: its headers without options, and the option of client_address.
type sizes struct{ headers, option int }

func sizesOf(f inet.Family) sizes {
	option := toa.Len4
	if f == inet.V6 {
		option = toa.Len6
	}
	return sizes{f.HeaderLen() + tcpHeader, option}
}

// noRoom finds real servers toward which the first packet with data may be too large for the option.
func noRoom(r *run, h Host) {
	if h.Routes == nil || h.Interfaces == nil {
		return
	}
	back := waysOf(h.Routes)
	r.eachTold(func(s *policy.Service, object string, rs *policy.RealServer) bool {
		if s.SynProxy.On {
			return false
		}
		n := sizesOf(inet.FamilyOf(rs.Addr))
		for _, route := range back.exits(rs.Addr) {
			i := slices.IndexFunc(h.Interfaces, func(i Interface) bool { return i.Name == route.Interface })
			if i < 0 || h.Interfaces[i].MTU == 0 {
				continue
			}
			takes, by := h.Interfaces[i].MTU, route.Interface
			if 0 < route.MTU && route.MTU < takes {
				takes, by = route.MTU, fmt.Sprintf("%s, on a route for packets of %d", by, route.MTU)
			} else {
				by = fmt.Sprintf("%s, which takes packets of %d", by, takes)
			}
			mss := r.offered(&h.Interfaces[i], rs.Addr, takes)
			if min(mss+n.headers, h.largest(route.Interface), takes)+n.option <= takes {
				continue
			}
			hint := "raise the MTU"
			if fits := takes - n.headers - n.option; fits >= policy.LeastMSS {
				hint = fmt.Sprintf("write `mss: %d` under gateway, which leaves room", fits)
			}
			r.find(rs.Pos, object, hint, "to the real server %s leads %s bytes, and clients may send as many, with an MSS of %d: the first one with data has no room for the %d bytes of the option",
				rs.Addr, by, mss, n.option)
			return true
		}
		return false
	})
}

// offered returns the MSS that clients get from a real server behind an interface, on a way that takes packets of some
// size: what is lowered for the option (toa.c, room), and by the policy.
func (r *run) offered(i *Interface, server netip.Addr, takes int) int {
	n, mtu := sizesOf(inet.FamilyOf(server)), i.MTU
	if !slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return !p.IsSingleIP() && p.Contains(server) }) {
		mtu = max(mtu, ethernet) // it is on another network
	}
	mss := mtu - n.headers
	if mss >= policy.LeastMSS+n.option {
		mss -= n.option
	}
	switch m := r.Gateway.MSS; m {
	case 0:
	case policy.MSSClamp:
		mss = min(mss, takes-n.headers)
	default:
		mss = min(mss, int(m))
	}
	return mss
}

// largest returns the size of the largest packets that come in, in bytes: by other interfaces than that by which they
// leave, if there are any.
func (h Host) largest(out string) (mtu int) {
	for _, i := range h.Interfaces {
		if i.Up && i.Name != "lo" && i.Name != out {
			mtu = max(mtu, i.MTU)
		}
	}
	if mtu == 0 {
		return math.MaxInt
	}
	return mtu
}

func clientRules() []Rule {
	return []Rule{{
		Code: "B04", Severity: policy.Warning, Live: true, live: pastGateway, about: tellsClients,
		Needs: Needs{Facts: Routes},
		Title: "Real servers that learn who called may answer past the gateway.",
		Why: "A real server answers to a laddr, wherever its own routes lead to that. If the laddr's network is on another way than the real server, answers reach the " +
			"gateway by another interface, or end at a router that knows nothing of the laddr: no connection succeeds. Where they do come in, strict reverse path filtering " +
			"drops them, and the MSS in them is not lowered, so that first packets with data have no room for the option. Laddrs of the network between " +
			"gateway and real servers leave no doubt.",
	}, {
		Code: "B05", Severity: policy.Warning, Live: true, live: noRoom, about: tellsClients,
		Needs: Needs{Facts: Interfaces | Routes},
		Title: "The way to a real server has no room for the option that tells who called.",
		Why: "The option of client_address takes 8 bytes of a packet, and 20 over IPv6. The gateway lowers the MSS that real servers offer by as much, which is enough where the " +
			"real server's network takes no more than the way to it. Behind a tunnel or a route with an `mtu` of its own the real server offers more than fits, clients learn by ICMP what " +
			"does, and fill that. SYN and the ACK behind it are small, so this matters to modules that missed the ACK, since it was lost or came with data. On a route with an " +
			"`mtu` the packet is lost, and sent again without the option. `mss: clamp` knows nothing of the option; a number does. Services with a SYN proxy are left out: the ACK is the proxy's.",
	}}
}
