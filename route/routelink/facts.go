package routelink

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/route"
)

// path is what a route says, and where it leads.
type path struct {
	dst    netip.Prefix
	metric uint32
	table  int
	hops   []nextHop
	object uint32 // the next hop object or group that it names (ip-nexthop(8)); 0: none
}

// nextHop is one interface that a route leads to, and the host behind it; zero: none.
type nextHop struct {
	index   int
	gateway netip.Addr
	dead    bool // its link is down
}

// pathOf reads a route (rtnetlink(7), RTM_NEWROUTE).
func pathOf(m []byte) (path, error) {
	head := nl.DeserializeRtMsg(m)
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
	if err != nil {
		return path{}, fmt.Errorf("a route cannot be read: %w", err)
	}
	w := path{table: int(head.Table), dst: netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if head.Family == unix.AF_INET6 {
		w.dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	var one nextHop
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_DST:
			if addr, ok := netip.AddrFromSlice(a.Value); ok {
				w.dst = netip.PrefixFrom(addr, int(head.Dst_len))
			}
		case unix.RTA_PRIORITY:
			w.metric = nl.NativeEndian().Uint32(a.Value)
		case unix.RTA_TABLE:
			w.table = int(nl.NativeEndian().Uint32(a.Value))
		case unix.RTA_OIF:
			one.index = int(nl.NativeEndian().Uint32(a.Value))
		case unix.RTA_GATEWAY, unix.RTA_VIA:
			one.gateway = gatewayOf(a.Attr.Type, a.Value)
		case rtaNHID:
			w.object = nl.NativeEndian().Uint32(a.Value)
		case unix.RTA_MULTIPATH:
			w.hops = nextHopsOf(a.Value)
		}
	}
	if one.index != 0 {
		w.hops = append(w.hops, one)
	}
	return w, nil
}

// gatewayOf reads RTA_GATEWAY, and RTA_VIA, which has a family before the address.
func gatewayOf(kind uint16, b []byte) netip.Addr {
	if kind == unix.RTA_VIA && len(b) > 2 {
		b = b[2:]
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// nextHopsOf reads a list of struct rtnexthop, each with attributes (linux/rtnetlink.h).
func nextHopsOf(b []byte) (out []nextHop) {
	for len(b) >= unix.SizeofRtNexthop {
		size := int(nl.NativeEndian().Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			return out
		}
		h := nextHop{index: int(nl.NativeEndian().Uint32(b[4:])), dead: b[2]&unix.RTNH_F_DEAD != 0}
		attrs, _ := nl.ParseRouteAttr(b[unix.SizeofRtNexthop:size])
		for _, a := range attrs {
			if a.Attr.Type == unix.RTA_GATEWAY || a.Attr.Type == unix.RTA_VIA {
				h.gateway = gatewayOf(a.Attr.Type, a.Value)
			}
		}
		out = append(out, h)
		b = b[min(len(b), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
	return out
}

// readRoutes looks at the routes that lead somewhere: to which hosts, and to which networks
// whose hosts ask for addresses.
func (r *reading) readRoutes() error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		seen := map[nextHop]bool{}
		hops, links := len(r.Facts.Hops), len(r.Facts.Links)
		begin := func() {
			r.Facts.Hops, r.Facts.Links = r.Facts.Hops[:hops], r.Facts.Links[:links]
			clear(seen)
		}
		head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Type: unix.RTN_UNICAST}}
		err := r.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, head, begin, func(m []byte) error {
			got := nl.DeserializeRtMsg(m)
			if got.Family != family || got.Type != unix.RTN_UNICAST {
				return nil
			}
			w, err := pathOf(m)
			for _, h := range w.hops {
				h.dead = false // it may come back
				switch {
				case !h.gateway.IsValid():
					r.link(h.index, w.dst)
				case !seen[h]:
					seen[h] = true
					r.Facts.Hops = append(r.Facts.Hops, route.Hop{Addr: h.gateway, Interface: r.links[h.index].name})
				}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(r.Facts.Links, compareLinks)
	r.Facts.Links = slices.Compact(r.Facts.Links)
	return nil
}

func compareLinks(a, b route.Link) int {
	if c := inet.PrefixRange(a.Prefix).Compare(inet.PrefixRange(b.Prefix)); c != 0 {
		return c
	}
	return slices.Compare([]byte(a.Interface), []byte(b.Interface))
}

// holds tells whether an address lies in merged ranges.
func holds(rs []inet.Range, a netip.Addr) bool {
	i, found := slices.BinarySearchFunc(rs, inet.AddrRange(a), func(r, a inet.Range) int {
		if r.Covers(a) {
			return 0
		}
		return r.Compare(a)
	})
	return found && i < len(rs)
}
