package law

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Packets aims packets at the edges of a policy: the first and last addresses of its ranges
// and those beside them, its VIPs on ports at the ends of its port ranges, every protocol,
// every interface that it names and others.
func Packets(rand *rand.Rand, p *policy.Policy, n int) []Packet {
	a := newAim(rand, p)
	out := make([]Packet, n)
	for i := range out {
		out[i] = a.packet()
	}
	return out
}

// aim is what is worth aiming at.
type aim struct {
	*rand.Rand
	policy  *policy.Policy
	sources [2][]netip.Addr // by family, as side numbers them
	dests   [2][]netip.Addr
	ports   []uint16
	marks   []uint32
	inbound []inet.Range
	iifs    []string
	oifs    []string
}

func newAim(rand *rand.Rand, p *policy.Policy) *aim {
	a := &aim{Rand: rand, policy: p, ports: []uint16{0, 1, 80, 65535}, iifs: []string{"", "lan0", "wan0", "eth9"}, oifs: []string{"", "wan0", "wan1", "lan0", "eth9"}}
	for _, f := range inet.Families {
		e := inet.Everything(f)
		both := []netip.Addr{e.From, e.To, addr(outside, f, 8), addr(clients, f, 9)}
		a.sources[side(f)], a.dests[side(f)] = slices.Clone(both), slices.Clone(both)
	}
	a.interfaces(&a.oifs, p.Gateway.Uplinks)
	if len(p.Gateway.Routed) > 0 {
		a.interfaces(&a.iifs, p.Gateway.Uplinks)
	}
	for i := range p.Zones {
		z := &p.Zones[i]
		a.addrs(&a.sources, z.From)
		a.addrs(&a.dests, z.To)
		a.addrs(&a.dests, z.Exclude)
		a.portsOf(z.Ports)
		a.controls(z.Controls())
		a.interfaces(&a.iifs, z.IIf)
		a.interfaces(&a.oifs, z.OIf)
		if z.Map.Family() != 0 {
			a.addrs(&a.dests, []inet.Range{z.Map})
			a.addrs(&a.sources, []inet.Range{z.Map})
			a.inbound = append(a.inbound, z.Map)
		}
		for _, pool := range z.Pools() {
			a.laddrs(pool)
		}
	}
	for i := range p.Services {
		s := &p.Services[i]
		a.addrs(&a.sources, s.Allow)
		a.addrs(&a.sources, s.Deny)
		a.addrs(&a.sources, s.Hairpin.From)
		a.portsOf(s.Ports)
		a.controls(s.Controls())
		if s.ByMark() {
			a.marks = append(a.marks, s.Mark)
		}
		for _, vip := range s.VIP {
			a.addrs(&a.dests, []inet.Range{inet.AddrRange(vip)})
		}
		for _, rs := range s.RealServers {
			a.addrs(&a.dests, []inet.Range{inet.AddrRange(rs.Addr)})
			a.addrs(&a.sources, []inet.Range{inet.AddrRange(rs.Addr)})
			if rs.Port != 0 {
				a.ports = append(a.ports, rs.Port)
			}
		}
		if s.Laddrs != nil {
			a.laddrs(s.Laddrs)
		}
	}
	return a
}

func (a *aim) laddrs(p *policy.Pool) {
	for _, l := range p.Laddrs {
		a.addrs(&a.sources, []inet.Range{l.Range})
		a.addrs(&a.dests, []inet.Range{l.Range})
	}
}

// addrs adds the ends of ranges, what lies beside them, and something inside.
func (a *aim) addrs(into *[2][]netip.Addr, rs []inet.Range) {
	for _, r := range rs {
		list := &into[side(r.Family())]
		*list = append(*list, r.From, r.To, r.From.Next())
		for _, beside := range []netip.Addr{r.From.Prev(), r.To.Next()} {
			if beside.IsValid() {
				*list = append(*list, beside)
			}
		}
	}
	for i := range into {
		into[i] = slices.DeleteFunc(into[i], func(x netip.Addr) bool { return !x.IsValid() })
	}
}

func (a *aim) portsOf(list []inet.ProtoPorts) {
	for _, pp := range list {
		if pp.Proto.HasPorts() {
			a.ports = append(a.ports, pp.Ports.First-1, pp.Ports.First, pp.Ports.Last, pp.Ports.Last+1)
		}
	}
}

// interfaces adds names; of a pattern, names that it holds and the one that is too short.
func (a *aim) interfaces(into *[]string, patterns []string) {
	for _, p := range patterns {
		stem, star := strings.CutSuffix(p, "*")
		*into = append(*into, stem)
		if star {
			*into = append(*into, stem+"0", stem+"s", stem[:len(stem)-1])
		}
	}
}

func one[T any](a *aim, list []T) T { return list[a.IntN(len(list))] }

func (a *aim) often(percent int) bool { return a.IntN(100) < percent }

func (a *aim) packet() Packet {
	f := inet.V4
	if a.often(45) {
		f = inet.V6
	}
	p := Packet{Junk: one(a, a.ports)}
	p.Proto = one(a, []inet.Proto{inet.TCP, inet.TCP, inet.UDP, inet.UDP, inet.SCTP, inet.ICMP, inet.ICMPv6, 47, 253})
	to, port := one(a, a.dests[side(f)]), one(a, a.ports)
	var near []inet.Range // callers that the service at `to` gives another source
	switch n := a.IntN(10); {
	case n < 5 && len(a.policy.Services) > 0:
		s := &a.policy.Services[a.IntN(len(a.policy.Services))]
		if s.ByMark() {
			p.Mark = s.Mark
			near = append(s.Hairpins(inet.V4), s.Hairpins(inet.V6)...)
			break
		}
		to = one(a, s.VIP)
		near = s.Hairpins(inet.FamilyOf(to))
		if pp := one(a, s.Ports); a.often(85) {
			p.Proto = pp.Proto
			port = one(a, []uint16{pp.Ports.First, pp.Ports.Last, port, port})
		}
	case n < 6 && len(a.inbound) > 0:
		r := one(a, a.inbound)
		to = one(a, []netip.Addr{r.From, r.To})
	case len(a.policy.Zones) > 0:
		z := &a.policy.Zones[a.IntN(len(a.policy.Zones))]
		f = one(a, z.From).Family()
		to = one(a, a.dests[side(f)])
		if len(z.Ports) > 0 && a.often(70) {
			pp := one(a, z.Ports)
			p.Proto = pp.Proto
			port = one(a, []uint16{pp.Ports.First, pp.Ports.Last, port})
		}
	}
	f = inet.FamilyOf(to)
	from := one(a, a.sources[side(f)])
	if len(near) > 0 && a.often(30) {
		r := one(a, near)
		if r.Family() != f { // of a service by mark: the packet is of the other family
			r = inet.AddrRange(from)
		}
		from = one(a, []netip.Addr{r.From, r.To})
	}
	switch n := a.IntN(100); {
	case n < 10 && len(a.marks) > 0:
		p.Mark = one(a, a.marks)
	case n < 13:
		p.Mark = 99
	}
	if a.often(20) {
		p.Mark |= 0x05000000 // which is none of the services' business
	}
	p.IIf, p.OIf = one(a, a.iifs), one(a, a.oifs)
	if a.often(10) {
		p.Self, p.IIf = true, ""
	}
	p.Invalid = a.often(10)
	sport := uint16(1024 + a.IntN(60000))
	if !p.Proto.HasPorts() {
		port, sport = 0, 0
	}
	p.From, p.To = netip.AddrPortFrom(from, sport), netip.AddrPortFrom(to, port)
	return p
}
