package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy/lint"
)

// attempts bounds how often a list is read again that changed while it was read.
const attempts = 3

// whole repeats a dump that was interrupted by a change.
func whole[T any](dump func() ([]T, error)) (list []T, err error) {
	for range attempts {
		if list, err = dump(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return list, err
		}
	}
	return list, err
}

// Addresses lists the addresses of this host, sorted: what zones that masquerade translate to.
func Addresses() ([]netip.Addr, error) {
	all, err := addresses()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range all {
		if p, ok := prefixOf(a.IPNet); ok {
			out = append(out, p.Addr())
		}
	}
	slices.SortFunc(out, netip.Addr.Compare)
	return out, nil
}

// Global lists the addresses of interfaces by which others call them, sorted, by the interface's name. Left
// out are those of narrower scope than global, and of IPv6 temporary ones (RFC 8981), which hosts use to
// call others, and those that another host turned out to have. Tentative ones count: they are about to be
// usable, and nothing happens when they are.
func Global() (map[string][]netip.Addr, error) {
	var h lint.Host
	if err := interfaces(&h); err != nil {
		return nil, err
	}
	out := make(map[string][]netip.Addr)
	for _, i := range h.Interfaces {
		if len(i.Global) > 0 {
			slices.SortFunc(i.Global, netip.Addr.Compare)
			out[i.Name] = i.Global
		}
	}
	return out, nil
}

// isGlobal tells whether others call an interface by an address (rtnetlink(7)).
func isGlobal(a *netlink.Addr) bool {
	odd := unix.IFA_F_DADFAILED
	if a.IP.To4() == nil {
		odd |= unix.IFA_F_TEMPORARY // of IPv4 the same bit marks secondary ones
	}
	return a.Scope == unix.RT_SCOPE_UNIVERSE && a.Flags&odd == 0
}

// Devices lists the interfaces that packets to be forwarded come in by: all but loopback.
func Devices() ([]string, error) {
	all, err := links()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range all {
		if at := l.Attrs(); at.Flags&net.FlagLoopback == 0 {
			out = append(out, at.Name)
		}
	}
	return out, nil
}

func links() ([]netlink.Link, error) {
	all, err := whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return all, nil
}

func addresses() ([]netlink.Addr, error) {
	all, err := whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return all, nil
}

func interfaces(h *lint.Host) error {
	all, err := links()
	if err != nil {
		return err
	}
	addrs, err := addresses()
	if err != nil {
		return err
	}
	of, global := make(map[int][]netip.Prefix), make(map[int][]netip.Addr)
	for _, a := range addrs {
		if p, ok := prefixOf(a.IPNet); ok {
			of[a.LinkIndex] = append(of[a.LinkIndex], p)
			if isGlobal(&a) {
				global[a.LinkIndex] = append(global[a.LinkIndex], p.Addr())
			}
		}
	}
	h.Interfaces = []lint.Interface{}
	for _, l := range all {
		at := l.Attrs()
		h.Interfaces = append(h.Interfaces, lint.Interface{Name: at.Name, Up: at.Flags&net.FlagUp != 0, MTU: at.MTU, Addrs: of[at.Index], Global: global[at.Index]})
	}
	return nil
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	bits, size := n.Mask.Size()
	if !ok || size == 0 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.Unmap(), bits), true
}

// routes lists those of all tables that packets may take; of a multipath route each way.
func routes(h *lint.Host) error {
	all, err := links()
	if err != nil {
		return err
	}
	names := make(map[int]string)
	for _, l := range all {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	h.Routes = []lint.Route{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		list, err := whole(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			h.Routes = nil
			return fmt.Errorf("list routes: %w", err)
		}
		for _, r := range list {
			h.Routes = append(h.Routes, ways(r, family, names)...)
		}
	}
	return nil
}

// ways returns a route once for each interface that it leads to. Broadcast, multicast and
// anycast routes say nothing about where answers go, and a throw route is none.
func ways(r netlink.Route, family int, names map[int]string) []lint.Route {
	dst, ok := prefixOf(r.Dst)
	if !ok {
		dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if family == netlink.FAMILY_V6 {
			dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	out := lint.Route{Dst: dst.Masked(), Table: r.Table, MTU: r.MTU}
	switch r.Type {
	case unix.RTN_UNICAST:
	case unix.RTN_LOCAL:
		out.Local, out.Interface = true, names[r.LinkIndex]
		return []lint.Route{out}
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT:
		return []lint.Route{out}
	default:
		return nil
	}
	if len(r.MultiPath) == 0 {
		out.Interface, out.Gateway = names[r.LinkIndex], addrOf(r.Gw)
		return []lint.Route{out}
	}
	var each []lint.Route
	for _, hop := range r.MultiPath {
		out.Interface, out.Gateway = names[hop.LinkIndex], addrOf(hop.Gw)
		each = append(each, out)
	}
	return each
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
