package routelink

import (
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// packet is what the kernel is asked the way of. The zero value of from, iif and mark is a packet of the
// gateway's own.
type packet struct {
	from, to netip.Addr
	iif      int // the index of the interface that it came in by
	mark     uint32
}

// lookup returns the route that the kernel takes for a packet: its type and all its next hops
// (RTM_F_FIB_MATCH, Linux 4.13).
func (w *Ways) lookup(p packet) (kind uint8, hops []nextHop, err error) {
	head := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(familyOf(p.to)), Dst_len: uint8(p.to.BitLen()), Flags: unix.RTM_F_LOOKUP_TABLE | unix.RTM_F_FIB_MATCH}}
	attrs := []*nl.RtAttr{nl.NewRtAttr(unix.RTA_DST, p.to.AsSlice())}
	if p.from.IsValid() {
		head.Src_len = uint8(p.from.BitLen())
		attrs = append(attrs, nl.NewRtAttr(unix.RTA_SRC, p.from.AsSlice()))
	}
	if p.iif != 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.RTA_IIF, nl.Uint32Attr(uint32(p.iif))))
	}
	if p.mark != 0 {
		attrs = append(attrs, nl.NewRtAttr(unix.RTA_MARK, nl.Uint32Attr(p.mark)))
	}
	m, err := w.request(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, head, attrs...)
	if err != nil || len(m) < unix.SizeofRtMsg {
		return 0, nil, err
	}
	route, err := pathOf(m)
	if route.object != 0 && len(route.hops) == 0 {
		route.hops, err = w.object(route.object)
	}
	return nl.DeserializeRtMsg(m).Type, route.hops, err
}

// leadsNowhere tells whether the kernel's answer is that there is no way: no route, or one of type unreachable, prohibit
// or blackhole.
func leadsNowhere(err error) bool {
	return errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL)
}

// object returns the next hops of a next hop object or of a group (ip-nexthop(8)). A route names nothing else with
// net.ipv4.nexthop_compat_mode=0.
func (w *Ways) object(id uint32) (hops []nextHop, err error) {
	m, err := w.request(unix.RTM_GETNEXTHOP, unix.RTM_NEWNEXTHOP, nhmsg{}, nl.NewRtAttr(unix.NHA_ID, nl.Uint32Attr(id)))
	switch {
	case errors.Is(err, unix.ENOENT): // it has just gone
		return nil, nil
	case err != nil || len(m) < unix.SizeofNhmsg:
		return nil, err
	}
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofNhmsg:])
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.NHA_OIF:
			hops = append(hops, nextHop{index: int(nl.NativeEndian().Uint32(a.Value))})
		case unix.NHA_GROUP: // of objects; no group is in a group
			for b := a.Value; len(b) >= unix.SizeofNexthopGrp; b = b[unix.SizeofNexthopGrp:] {
				each, err := w.object(nl.NativeEndian().Uint32(b))
				if err != nil {
					return nil, err
				}
				hops = append(hops, each...)
			}
		}
	}
	return hops, nil
}

// nhmsg is an empty struct nhmsg (linux/nexthop.h).
type nhmsg struct{}

func (nhmsg) Len() int          { return unix.SizeofNhmsg }
func (nhmsg) Serialize() []byte { return make([]byte, unix.SizeofNhmsg) }

// request asks for one thing and returns the answer.
func (w *Ways) request(kind, answer uint16, head nl.NetlinkRequestData, attrs ...*nl.RtAttr) ([]byte, error) {
	req := nl.NewNetlinkRequest(int(kind), 0)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: w.socket}
	req.AddData(head)
	for _, a := range attrs {
		req.AddData(a)
	}
	m, err := req.Execute(unix.NETLINK_ROUTE, answer)
	if err != nil || len(m) == 0 {
		return nil, err
	}
	return m[0], nil
}

// connect opens the socket for request.
func (w *Ways) connect() error {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err == nil {
		w.socket = &nl.SocketHandle{Socket: s}
	}
	return err
}
