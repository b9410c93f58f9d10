package nstest

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// plan carries out the steps of building a world; after the first error it does nothing.
type plan struct {
	err   error
	links int
}

func (p *plan) do(what string, f func() error) {
	if p.err != nil {
		return
	}
	if err := f(); err != nil {
		p.err = fmt.Errorf("%s: %w", what, err)
	}
}

// link connects two hosts by a veth pair, both ends up.
func (p *plan) link(a *Host, aName string, b *Host, bName string) {
	p.do(fmt.Sprintf("link %s %s to %s %s", a.Name, aName, b.Name, bName), func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.Namespace = aName, netlink.NsFd(int(a.ns))
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: bName, PeerNamespace: netlink.NsFd(int(b.ns))}); err != nil {
			return err
		}
		for _, end := range []struct {
			host *Host
			link string
		}{{a, aName}, {b, bName}} {
			if err := up(end.host, end.link); err != nil {
				return err
			}
			// The kernel's own link-local address comes some time later, and neighbour
			// discovery for a source that is a whole prefix's would wait for it.
			p.links++
			if err := end.host.AddAddr(end.link, fmt.Sprintf("fe80::%x/64", p.links)); err != nil {
				return err
			}
		}
		return nil
	})
}

func up(h *Host, name string) error {
	l, err := h.nl.LinkByName(name)
	if err != nil {
		return err
	}
	return h.nl.LinkSetUp(l)
}

// bridge makes a switch without spanning tree, so that its ports forward at once.
func (p *plan) bridge(h *Host, name string) {
	p.do("bridge "+name, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		if err := h.nl.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		return up(h, name)
	})
}

func (p *plan) enslave(h *Host, bridge, port string) {
	p.do("port "+port, func() error {
		br, err := h.nl.LinkByName(bridge)
		if err != nil {
			return err
		}
		l, err := h.nl.LinkByName(port)
		if err != nil {
			return err
		}
		return h.nl.LinkSetMaster(l, br)
	})
}

// port connects a host to a bridge of a switch. The cable's end at the switch is called HOST-BRIDGE.
func (p *plan) port(sw, h *Host, link, bridge string, addrs ...string) {
	end := h.Name + "-" + bridge
	p.link(sw, end, h, link)
	p.enslave(sw, bridge, end)
	p.addr(h, link, addrs...)
}

func (p *plan) addr(h *Host, link string, prefixes ...string) {
	for _, s := range prefixes {
		p.do(h.Name+" address "+s, func() error { return h.AddAddr(link, s) })
	}
}

// local makes whole prefixes addresses of the host.
func (p *plan) local(h *Host, prefixes ...string) {
	for _, s := range prefixes {
		p.do(h.Name+" local "+s, func() error {
			lo, err := h.nl.LinkByName("lo")
			if err != nil {
				return err
			}
			return h.nl.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: ipNet(s), Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST, Table: unix.RT_TABLE_LOCAL})
		})
	}
}

// route adds a route, on-link where via is empty.
func (p *plan) route(h *Host, link, dst, via string) {
	p.do(h.Name+" route "+dst, func() error { return h.AddRoute(link, dst, via) })
}

func (p *plan) sysctl(h *Host, key, value string) {
	p.do(h.Name+" sysctl "+key, func() error { return h.Sysctl(key, value) })
}

// forwards makes a host a router.
func (p *plan) forwards(h *Host) {
	p.sysctl(h, "net/ipv4/ip_forward", "1")
	p.sysctl(h, "net/ipv6/conf/all/forwarding", "1")
}

// AddAddr gives a link an address with its prefix length.
func (h *Host) AddAddr(link, prefix string) error {
	l, err := h.nl.LinkByName(link)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(prefix)
	if err != nil {
		return err
	}
	if a.IP.To4() == nil {
		a.Flags = unix.IFA_F_NODAD
	}
	return h.nl.AddrAdd(l, a)
}

// AddRoute routes a prefix through a link, on-link where via is empty.
func (h *Host) AddRoute(link, dst, via string) error {
	l, err := h.nl.LinkByName(link)
	if err != nil {
		return err
	}
	r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(dst), Scope: unix.RT_SCOPE_LINK}
	if via != "" {
		r.Gw, r.Scope = net.ParseIP(via), unix.RT_SCOPE_UNIVERSE
	}
	return h.nl.RouteAdd(r)
}

// Sysctl sets a kernel parameter of the host, given as a path below /proc/sys.
func (h *Host) Sysctl(key, value string) error {
	return h.Do(func() error { return os.WriteFile("/proc/sys/"+key, []byte(value), 0) })
}

// ReadSysctl returns a kernel parameter of the host.
func (h *Host) ReadSysctl(key string) (string, error) {
	var b []byte
	err := h.Do(func() (err error) {
		b, err = os.ReadFile("/proc/sys/" + key)
		return err
	})
	return string(trimNewline(b)), err
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

func ipNet(s string) *net.IPNet {
	p := netip.MustParsePrefix(s)
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
