package routelink

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// routing is what the rules and routes of a family tell flows apart by.
type routing struct {
	edges []netip.Addr // where what a rule or route matches begins or has ended, sorted; nil: every address is its own
	marks []uint32     // that packets may have: none, and those that rules of others ask for
	ours  bool         // there are rules of ours: the mark of a flow says by which uplink it leaves
	blind bool         // they ask for what is not known of a flow's packets: its type of service, ports
}

// attempts bounds how often routes are listed again that changed meanwhile.
const attempts = 3

// read reads the rules, and the prefixes of all routes. Where routes change all the time, the
// addresses stay apart: that costs a question for each pair of them.
func (r *routing) read(conn *netlink.Handle, family int) error {
	r.marks = []uint32{0}
	if err := r.readRules(conn, family); err != nil {
		return fmt.Errorf("list rules: %w", err)
	}
	rules := r.edges
	for range attempts {
		r.edges = slices.Clone(rules)
		err := r.readRoutes(family)
		if err == nil {
			slices.SortFunc(r.edges, netip.Addr.Compare)
			r.edges = slices.Compact(r.edges)
			return nil
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return fmt.Errorf("list routes: %w", err)
		}
	}
	r.edges = nil
	return nil
}

func (r *routing) readRules(conn *netlink.Handle, family int) error {
	rules, err := conn.RuleList(family)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil // a kernel without rules, or without IPv6
	}
	for _, rule := range rules {
		r.blind = r.blind || rule.Tos != 0 || rule.IPProto != 0 || rule.Sport != nil || rule.Dport != nil
		if r.ours = r.ours || rule.Protocol == route.Protocol; rule.Protocol == route.Protocol && rule.Mask != nil {
			continue
		}
		if rule.Mark != 0 && !slices.Contains(r.marks, rule.Mark) {
			r.marks = append(r.marks, rule.Mark)
		}
		for _, n := range []*net.IPNet{rule.Src, rule.Dst} {
			if n != nil {
				bits, _ := n.Mask.Size()
				if a, ok := netip.AddrFromSlice(n.IP); ok {
					r.enter(netip.PrefixFrom(a.Unmap(), bits))
				}
			}
		}
	}
	return err
}

// readRoutes enters the prefixes of all routes, those that routes of IPv6 have for sources too.
// It reads no more of a message than that: there may be a million of them.
func (r *routing) readRoutes(family int) error {
	zero := netip.IPv4Unspecified()
	if family == netlink.FAMILY_V6 {
		zero = netip.IPv6Unspecified()
	}
	r.edges = append(r.edges, zero)
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}})
	return req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE, func(m []byte) bool {
		if len(m) < unix.SizeofRtMsg {
			return true
		}
		msg := nl.DeserializeRtMsg(m)
		r.blind = r.blind || msg.Tos != 0 && family == netlink.FAMILY_V4
		attrs, err := nl.ParseRouteAttr(m[msg.Len():])
		if err != nil {
			return true
		}
		for _, a := range attrs {
			bits := msg.Dst_len
			if a.Attr.Type == unix.RTA_SRC {
				bits = msg.Src_len
			} else if a.Attr.Type != unix.RTA_DST {
				continue
			}
			if addr, ok := netip.AddrFromSlice(a.Value); ok {
				r.enter(netip.PrefixFrom(addr, int(bits)))
			}
		}
		return true
	})
}

// enter notes where a prefix begins and what follows it.
func (r *routing) enter(p netip.Prefix) {
	p = p.Masked()
	if !p.IsValid() || p.Bits() == 0 {
		return
	}
	r.edges = append(r.edges, p.Addr())
	last := p.Addr().AsSlice()
	for i := p.Bits(); i < len(last)*8; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	if end, _ := netip.AddrFromSlice(last); end.Next().IsValid() {
		r.edges = append(r.edges, end.Next())
	}
}

// first returns the first of the addresses that no rule or route tells from this one.
func (r *routing) first(a netip.Addr) netip.Addr {
	i, exact := slices.BinarySearchFunc(r.edges, a, netip.Addr.Compare)
	if exact || i == 0 {
		return a
	}
	return r.edges[i-1]
}
