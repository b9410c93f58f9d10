package routelink

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// Attributes and flags that golang.org/x/sys does not name (linux/neighbour.h, linux/if_addr.h).
const (
	ndaDst      = 1
	ndaProtocol = 12 // Linux 5.2
	ifaProto    = 11 // Linux 5.18; kernels before it ignore the attribute
)

// forever is a lifetime without end.
const forever = 0xffffffff

// indexes finds interfaces by name.
type indexes map[string]int

// encode makes a request of a step. m is the metric that marks the policy's table.
func encode(o route.Op, m uint32, at indexes) request {
	r := request{flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL}
	if o.Remove {
		r.flags = 0
	}
	switch t := o.Thing.(type) {
	case route.Route:
		r.kind = pick(o.Remove, unix.RTM_DELROUTE, unix.RTM_NEWROUTE)
		r.parts = routeOf(t, m, at["lo"])
	case route.Address:
		r.kind = pick(o.Remove, unix.RTM_DELADDR, unix.RTM_NEWADDR)
		r.parts = addressOf(t, m, at[t.Interface])
	case route.Neighbour:
		r.kind = pick(o.Remove, unix.RTM_DELNEIGH, unix.RTM_NEWNEIGH)
		r.parts = []nl.NetlinkRequestData{
			&netlink.Ndmsg{Family: unix.AF_INET6, Index: uint32(at[t.Interface]), State: netlink.NUD_PERMANENT, Flags: netlink.NTF_PROXY},
			nl.NewRtAttr(ndaDst, t.Addr.AsSlice()),
			nl.NewRtAttr(ndaProtocol, nl.Uint8Attr(route.Protocol)),
		}
	}
	return r
}

func pick(remove bool, del, add uint16) uint16 {
	if remove {
		return del
	}
	return add
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// routeOf encodes a route of the table local. The kernel removes a route only if protocol,
// metric, type and scope agree, so nobody else's (Linux net/ipv4/fib_trie.c, fib_table_delete).
func routeOf(r route.Route, m uint32, lo int) []nl.NetlinkRequestData {
	return []nl.NetlinkRequestData{
		&nl.RtMsg{RtMsg: unix.RtMsg{
			Family: familyOf(r.Dst.Addr()), Dst_len: uint8(r.Dst.Bits()), Table: unix.RT_TABLE_LOCAL,
			Protocol: route.Protocol, Scope: unix.RT_SCOPE_HOST, Type: unix.RTN_LOCAL,
		}},
		nl.NewRtAttr(unix.RTA_DST, r.Dst.Addr().AsSlice()),
		nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(m)),
		nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(lo))),
	}
}

// addressOf encodes an address that the host does not choose as a source of its own
// connections (deprecated, without a route to its prefix), and that it may use at once.
func addressOf(a route.Address, m uint32, index int) []nl.NetlinkRequestData {
	life := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Prefered: 0, Valid: forever}}
	flags := uint32(unix.IFA_F_NOPREFIXROUTE)
	if a.Addr.Is6() {
		flags |= unix.IFA_F_NODAD
	}
	return []nl.NetlinkRequestData{
		&nl.IfAddrmsg{IfAddrmsg: unix.IfAddrmsg{Family: familyOf(a.Addr), Prefixlen: uint8(a.Addr.BitLen()), Index: uint32(index)}},
		nl.NewRtAttr(unix.IFA_LOCAL, a.Addr.AsSlice()),
		nl.NewRtAttr(unix.IFA_ADDRESS, a.Addr.AsSlice()),
		nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(flags)),
		nl.NewRtAttr(unix.IFA_CACHEINFO, life.Serialize()),
		nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(m)),
		nl.NewRtAttr(ifaProto, nl.Uint8Attr(route.Protocol)),
	}
}
