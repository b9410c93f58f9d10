package routelink

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/route"
)

// Host is what a reading found.
type Host struct {
	Have  route.State // ours, of one table
	Facts route.Facts
}

// Read reads what of a policy's table exists, and the facts that are asked for.
func (c *Conn) Read(table string, ask route.Ask) (Host, error) {
	r := reading{Conn: c, metric: route.Metric(table), ask: ask, links: map[int]link{}, up: map[string]bool{}}
	steps := []struct {
		what string
		read func() error
	}{{"interfaces", r.readLinks}, {"addresses", r.readAddrs}, {"routes of ours", r.readOurs}, {"rules", r.readRules}, {"neighbour proxies", r.readProxies}}
	if ask.Addresses {
		steps = append(steps, struct {
			what string
			read func() error
		}{"routes", r.readRoutes})
	}
	for _, s := range steps {
		if err := s.read(); err != nil {
			return Host{}, fmt.Errorf("read the host's %s: %w", s.what, err)
		}
	}
	if len(ask.Uplinks)+len(ask.Nodes) > 0 {
		r.readUplinks()
	}
	if err := r.readNodes(); err != nil {
		return Host{}, fmt.Errorf("read the host's ways to other nodes: %w", err)
	}
	return r.Host, nil
}

// reading is one call of Read.
type reading struct {
	*Conn
	Host
	metric uint32
	ask    route.Ask
	links  map[int]link
	up     map[string]bool
	others []inet.Range // our kind of routes, of other tables
}

type link struct {
	name string
	asks bool // by ARP or neighbour discovery
}

func (r *reading) readLinks() error {
	var links []netlink.Link
	var err error
	for range attempts {
		if links, err = netlink.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	for _, l := range links {
		a := l.Attrs()
		r.links[a.Index] = link{a.Name, a.RawFlags&(unix.IFF_NOARP|unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT) == 0}
		r.Facts.Interfaces = append(r.Facts.Interfaces, a.Name)
		r.up[a.Name] = a.RawFlags&unix.IFF_UP != 0
		if !r.ask.Addresses {
			continue
		}
		if sysctl(proxyNDP(a.Name)) == "1" {
			r.Have.Proxying = append(r.Have.Proxying, route.Proxying(a.Name))
		}
	}
	return err
}

func proxyNDP(name string) string { return "net/ipv6/conf/" + name + "/proxy_ndp" }

func (r *reading) readAddrs() error {
	begin := func() { r.Have.Addresses, r.Facts.Own, r.Facts.Links, r.Facts.Hops = nil, nil, nil, nil }
	return r.dump(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC), begin, func(m []byte) error {
		head := nl.DeserializeIfAddrmsg(m)
		attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
		if err != nil {
			return err
		}
		var local, address netip.Addr
		var metric uint32
		flags := uint32(head.Flags)
		proto := uint8(route.Protocol) // where the kernel does not know it
		for _, a := range attrs {
			switch a.Attr.Type {
			case unix.IFA_LOCAL:
				local, _ = netip.AddrFromSlice(a.Value)
			case unix.IFA_ADDRESS:
				address, _ = netip.AddrFromSlice(a.Value)
			case unix.IFA_RT_PRIORITY:
				metric = nl.NativeEndian().Uint32(a.Value)
			case unix.IFA_FLAGS:
				flags = nl.NativeEndian().Uint32(a.Value)
			case ifaProto:
				proto = a.Value[0]
			}
		}
		if !local.IsValid() {
			local = address
		}
		at := r.links[int(head.Index)]
		switch {
		case !local.IsValid() || at.name == "":
			return nil
		case metric == r.metric && proto == route.Protocol:
			r.Have.Addresses = append(r.Have.Addresses, route.Address{Addr: local, Interface: at.name})
			return nil
		}
		if flags&unix.IFA_F_TEMPORARY == 0 || local.Is4() { // of IPv4 the same bit says that it is a second address
			r.Facts.Own = append(r.Facts.Own, route.Address{Addr: local, Interface: at.name})
		}
		if address.IsValid() && address != local {
			r.Facts.Hops = append(r.Facts.Hops, route.Hop{Addr: address, Interface: at.name})
		}
		r.link(int(head.Index), netip.PrefixFrom(address, int(head.Prefixlen)))
		return nil
	})
}

// link notes a network whose hosts ask for addresses.
func (r *reading) link(index int, p netip.Prefix) {
	at := r.links[index]
	if at.asks && p.IsValid() && p.Bits() > 0 && !p.IsSingleIP() && !p.Addr().IsLinkLocalUnicast() && !p.Addr().IsMulticast() {
		r.Facts.Links = append(r.Facts.Links, route.Link{Interface: at.name, Prefix: p.Masked()})
	}
}

// readOurs lets the kernel look for our protocol number: in the table local, and in those of uplinks.
func (r *reading) readOurs() error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Protocol: route.Protocol}}
		were, others, ways, taken := len(r.Have.Routes), len(r.others), len(r.Have.Ways), len(r.Facts.Taken)
		begin := func() {
			r.Have.Routes, r.others, r.Have.Ways, r.Facts.Taken = r.Have.Routes[:were], r.others[:others], r.Have.Ways[:ways], r.Facts.Taken[:taken]
		}
		err := r.dump(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, head, begin, func(m []byte) error {
			got := nl.DeserializeRtMsg(m)
			if got.Family != family || got.Protocol != route.Protocol {
				return nil
			}
			w, err := pathOf(m)
			switch {
			case err != nil || !w.dst.IsValid():
				return err
			case w.table > unix.RT_TABLE_LOCAL:
				r.takeWay(w, got.Type)
			case w.table != unix.RT_TABLE_LOCAL || got.Type != unix.RTN_LOCAL:
			case w.metric != r.metric:
				r.others = append(r.others, inet.PrefixRange(w.dst))
			default:
				r.Have.Routes = append(r.Have.Routes, route.Route{Dst: w.dst})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readProxies takes for ours what has our number, unless a route of another table's covers it:
// a proxy has no place for a table's mark, and never exists without its route.
func (r *reading) readProxies() error {
	r.others = inet.Merge(r.others)
	begin := func() { r.Have.Neighbours, r.Facts.Neighbours = nil, nil }
	head := &netlink.Ndmsg{Family: unix.AF_INET6, Flags: netlink.NTF_PROXY}
	return r.dump(unix.RTM_GETNEIGH, unix.RTM_NEWNEIGH, head, begin, func(m []byte) error {
		attrs, err := nl.ParseRouteAttr(m[head.Len():])
		if err != nil || m[0] != unix.AF_INET6 || m[10]&netlink.NTF_PROXY == 0 {
			return err
		}
		var n route.Neighbour
		var proto uint8
		for _, a := range attrs {
			switch a.Attr.Type {
			case ndaDst:
				n.Addr, _ = netip.AddrFromSlice(a.Value)
			case ndaProtocol:
				proto = a.Value[0]
			}
		}
		n.Interface = r.links[int(nl.NativeEndian().Uint32(m[4:]))].name
		switch {
		case !n.Addr.IsValid() || n.Interface == "":
		case proto != route.Protocol || holds(r.others, n.Addr):
			r.Facts.Neighbours = append(r.Facts.Neighbours, n)
		default:
			r.Have.Neighbours = append(r.Have.Neighbours, n)
		}
		return nil
	})
}
