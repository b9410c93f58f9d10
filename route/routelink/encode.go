package routelink

import (
	"encoding/binary"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/route"
)

// Attributes and flags that golang.org/x/sys does not name (linux/neighbour.h, linux/if_addr.h, linux/rtnetlink.h).
const (
	ndaDst      = 1
	ndaProtocol = 12 // Linux 5.2
	ifaProto    = 11 // Linux 5.18; kernels before it ignore the attribute
	rtaNHID     = 30 // Linux 5.3
)

// forever is a lifetime without end.
const forever = 0xffffffff

// indexes finds interfaces by name.
type indexes map[string]int

// appendRequest appends a step as the kernel reads it, a whole netlink message. m is the metric
// that marks the policy's table. Written out, since netlink's types have neither IFA_PROTO nor
// NDA_PROTOCOL, and 14 allocations for each route.
func appendRequest(b []byte, o route.Op, m uint32, at indexes, seq uint32, ack bool) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, kindOf(o))
	flags := uint16(unix.NLM_F_REQUEST)
	if !o.Remove {
		flags |= unix.NLM_F_CREATE | unix.NLM_F_EXCL
	}
	if ack {
		flags |= unix.NLM_F_ACK
	}
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0)
	switch t := o.Thing.(type) {
	case route.Route:
		b = appendRoute(b, t, m, at["lo"])
	case route.Address:
		b = appendAddress(b, t, m, at[t.Interface])
	case route.Neighbour:
		b = appendNeighbour(b, t, at[t.Interface])
	}
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// kindOf returns the message's type (linux/rtnetlink.h).
func kindOf(o route.Op) uint16 {
	add, remove := uint16(unix.RTM_NEWNEIGH), uint16(unix.RTM_DELNEIGH)
	switch o.Thing.(type) {
	case route.Route:
		add, remove = unix.RTM_NEWROUTE, unix.RTM_DELROUTE
	case route.Address:
		add, remove = unix.RTM_NEWADDR, unix.RTM_DELADDR
	}
	if o.Remove {
		return remove
	}
	return add
}

func familyOf(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// appendRoute appends a route of the table local: struct rtmsg and attributes. The kernel removes a
// route only if protocol, metric, type and scope agree, so nobody else's (Linux
// net/ipv4/fib_trie.c, fib_table_delete).
func appendRoute(b []byte, r route.Route, m uint32, lo int) []byte {
	b = append(b, familyOf(r.Dst.Addr()), uint8(r.Dst.Bits()), 0, 0, unix.RT_TABLE_LOCAL, route.Protocol, unix.RT_SCOPE_HOST, unix.RTN_LOCAL)
	b = append(b, 0, 0, 0, 0)
	b = appendAddr(b, unix.RTA_DST, r.Dst.Addr())
	b = appendU32(b, unix.RTA_PRIORITY, m)
	return appendU32(b, unix.RTA_OIF, uint32(lo))
}

// appendAddress appends an address that the host does not choose as a source of its own
// connections (deprecated, without a route to its prefix), and that it may use at once: struct
// ifaddrmsg and attributes.
func appendAddress(b []byte, a route.Address, m uint32, index int) []byte {
	b = append(b, familyOf(a.Addr), uint8(a.Addr.BitLen()), 0, unix.RT_SCOPE_UNIVERSE)
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	flags := uint32(unix.IFA_F_NOPREFIXROUTE)
	if a.Addr.Is6() {
		flags |= unix.IFA_F_NODAD
	}
	b = appendAddr(b, unix.IFA_LOCAL, a.Addr)
	b = appendAddr(b, unix.IFA_ADDRESS, a.Addr)
	b = appendU32(b, unix.IFA_FLAGS, flags)
	var life [16]byte // struct ifa_cacheinfo: preferred for 0 s, valid for ever
	binary.NativeEndian.PutUint32(life[4:], forever)
	b = nfnl.AppendAttr(b, unix.IFA_CACHEINFO, life[:])
	b = appendU32(b, unix.IFA_RT_PRIORITY, m)
	return nfnl.AppendU8(b, ifaProto, route.Protocol)
}

// appendNeighbour appends a proxy: struct ndmsg and attributes.
func appendNeighbour(b []byte, n route.Neighbour, index int) []byte {
	b = append(b, unix.AF_INET6, 0, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	b = binary.NativeEndian.AppendUint16(b, netlink.NUD_PERMANENT)
	b = append(b, netlink.NTF_PROXY, 0)
	b = appendAddr(b, ndaDst, n.Addr)
	return nfnl.AppendU8(b, ndaProtocol, route.Protocol)
}

func appendAddr(b []byte, kind uint16, a netip.Addr) []byte {
	if a.Is4() {
		a4 := a.As4()
		return nfnl.AppendAttr(b, kind, a4[:])
	}
	a16 := a.As16()
	return nfnl.AppendAttr(b, kind, a16[:])
}

// appendU32 appends a number in the host's order of bytes, as rtnetlink has it.
func appendU32(b []byte, kind uint16, v uint32) []byte {
	var n [4]byte
	binary.NativeEndian.PutUint32(n[:], v)
	return nfnl.AppendAttr(b, kind, n[:])
}
