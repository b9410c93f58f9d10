package lint

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// homeless finds laddrs that nothing on this host says are its own: no address, no local
// route, and no route that ends here, such as a blackhole. On a link such a route is not
// enough, since neighbours ask for the address itself. Where gateway.addresses says that apply
// sees to it there is nothing to find.
func homeless(r *run, h Host) {
	if h.Interfaces == nil || h.Routes == nil || r.seesToAddresses() {
		return
	}
	own, links := h.own()
	var ends []inet.Range
	for _, route := range h.Routes {
		switch rg := inet.PrefixRange(route.Dst); {
		case route.Local:
			own = append(own, rg)
		case route.Interface == "" && route.Dst.Bits() > 0:
			ends = append(ends, rg)
		}
	}
	onLinks := ownersOf([][]inet.Range{links})
	home := ownersOf([][]inet.Range{append(own, inet.Subtract(ends, links)...)})
	for _, p := range r.given() {
		left := inet.Subtract(p.ranges(), home.within(p.ranges()))
		if len(left) == 0 {
			continue
		}
		for _, l := range p.Laddrs {
			if !l.Range.Overlaps(left[0]) {
				continue
			}
			r.find(l.Pos, p.object, homelessHint(left[0], onLinks),
				"no interface of this host has the address, and no local or blackhole route says that it is routed here: %s; answers do not come back", plainList(left))
			break
		}
	}
}

// homelessHint says what helps with an address: apply's own way, which fits everywhere, and what
// one can do by hand.
func homelessHint(left inet.Range, onLinks owners) string {
	const own = "write `addresses: routes` under gateway, and apply makes it an address of this host"
	address, bits := left.From.String(), left.From.BitLen()
	byHand := fmt.Sprintf("ip addr add %s/%d dev INTERFACE", address, bits)
	if _, near := onLinks.first(left); near {
		byHand += fmt.Sprintf(", or ip route add local %s/%d dev lo", address, bits)
		if left.From.Is6() {
			byHand += fmt.Sprintf(" with net.ipv6.conf.INTERFACE.proxy_ndp=1 and ip -6 neigh add proxy %s dev INTERFACE", address)
		}
		return fmt.Sprintf("its neighbours on the link ask for it: %s; by hand: %s", own, byHand)
	}
	what := address
	if p, ok := left.Prefix(); ok {
		what = p.String()
	}
	return fmt.Sprintf("%s, if the next router sends it here; by hand: %s, or ip route add blackhole %s; each also stops packets to unused ports from going back and forth", own, byHand, what)
}

// own returns the addresses of the host, and the networks of its interfaces.
func (h Host) own() (addrs, links []inet.Range) {
	for _, i := range h.Interfaces {
		for _, a := range i.Addrs {
			addrs = append(addrs, inet.AddrRange(a.Addr()))
			links = append(links, inet.PrefixRange(a.Masked()))
		}
	}
	return addrs, links
}

// portsOfHost finds pools whose ports the host's own connections use on the same address.
// IPv6 goes by the same sysctl (Documentation/networking/ip-sysctl.rst).
func portsOfHost(r *run, h Host) {
	ephemeral, ok := span(strings.Fields(h.Sysctls["net/ipv4/ip_local_port_range"]))
	if !ok {
		return
	}
	reserved := portSet(h.Sysctls["net/ipv4/ip_local_reserved_ports"])
	addrs, _ := h.own()
	own := ownersOf([][]inet.Range{addrs})
	for _, p := range r.pools() {
		meet := inet.PortRange{First: max(p.Ports.First, ephemeral.First), Last: min(p.Ports.Last, ephemeral.Last)}
		if p.Ports.IsZero() || meet.First > meet.Last || covered(meet, reserved) {
			continue
		}
		for _, l := range p.Laddrs {
			o, ok := own.first(l.Range)
			if !ok {
				continue
			}
			r.find(p.At("ports"), p.object, fmt.Sprintf("keep the host off them: sysctl -w net.ipv4.ip_local_reserved_ports=%s; or write other ports, or a laddr that the host does not use", meet),
				"this host has the address %s itself and opens its own connections from the ports %s (ip_local_port_range); the pool uses %s of these", common(o.Range, l.Range).From, ephemeral, meet)
			break
		}
	}
}

// span reads the first and the last port of a range.
func span(fields []string) (inet.PortRange, bool) {
	if len(fields) != 2 {
		return inet.PortRange{}, false
	}
	first, err1 := strconv.ParseUint(fields[0], 10, 16)
	last, err2 := strconv.ParseUint(fields[1], 10, 16)
	return inet.PortRange{First: uint16(first), Last: uint16(last)}, err1 == nil && err2 == nil
}

// portSet reads "8080,9000-9010".
func portSet(text string) (out []inet.PortRange) {
	for part := range strings.SplitSeq(text, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		if r, ok := span([]string{first, last}); ok {
			out = append(out, r)
		}
	}
	return out
}

// covered tells whether every port of a range is one of sorted others, as the kernel lists them.
func covered(r inet.PortRange, by []inet.PortRange) bool {
	next := int(r.First)
	for _, b := range by {
		if int(b.First) <= next && int(b.Last) >= next {
			next = int(b.Last) + 1
		}
	}
	return next > int(r.Last)
}

// listeners finds services that take what a local socket listens on. What adminPortTaken says
// without a host it does not repeat.
func listeners(r *run, h Host) {
	addrs, _ := h.own()
	own := ownersOf([][]inet.Range{addrs})
	r.eachService(func(s *policy.Service, object string) {
		for i, pp := range s.Ports {
			for _, l := range h.Listeners {
				if l.Proto != pp.Proto || !pp.Ports.Contains(l.Port) || l.Proto == inet.TCP && l.Port == adminPort {
					continue
				}
				for _, vip := range s.VIP {
					if !l.hears(inet.AddrRange(vip), own) {
						continue
					}
					r.find(s.Item("ports", i), object, "move the listener or the service to another address or port; or stop the listener, if nobody needs to reach it",
						"%s listens on %s/%d at the VIP %s: the service comes first, so nobody reaches the listener there", l.who(), l.Proto, l.Port, vip)
					return
				}
			}
		}
	})
}

// hears tells whether a listener gets what is sent to an address, were there no service.
func (l Listener) hears(vip inet.Range, own owners) bool {
	if !l.Addr.IsUnspecified() {
		return l.Addr == vip.From
	}
	dual := l.Addr.Is6() // a socket on :: takes IPv4, too, unless it is told not to
	_, ours := own.first(vip)
	return ours && (dual || vip.From.Is4())
}

func (l Listener) who() string {
	if l.Process == "" {
		return "a program of this host"
	}
	return l.Process
}
