package compiler

import (
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// endpoint is where clients call, less the port; or the mark by which a service is found.
type endpoint struct {
	vip   netip.Addr
	proto inet.Proto
	mark  uint32
}

// claim is a service's wish for ports of an endpoint. An exact port wins over a range, a
// range over `*`; the policy was checked for claims of equal rank that overlap.
type claim struct {
	ports inet.PortRange
	kind  layout.PortKind // of the whole service
}

func (c claim) rank() int { return rankOf(c.ports) }

func rankOf(r inet.PortRange) int {
	switch {
	case r.Single():
		return 0
	case r != inet.AnyPort:
		return 1
	}
	return 2
}

func kindOf(s *policy.Service) layout.PortKind {
	if s.ByMark() {
		return layout.ByMark
	}
	exact, all := true, true
	for _, p := range s.Ports {
		exact = exact && p.Ports.Single()
		all = all && p.Ports == inet.AnyPort
	}
	switch {
	case exact:
		return layout.ExactPorts
	case all:
		return layout.AllPorts
	}
	return layout.PortRanges
}

// claimsOf gathers the claims at every endpoint where not all ports are exact ones: only
// there claims can overlap.
func claimsOf(services []policy.Service) map[endpoint][]claim {
	m := make(map[endpoint][]claim)
	each := func(f func(endpoint, claim)) {
		for i := range services {
			s := &services[i]
			kind := kindOf(s)
			for _, vip := range s.VIP {
				for _, p := range s.Ports {
					f(endpoint{vip: vip, proto: p.Proto}, claim{p.Ports, kind})
				}
			}
		}
	}
	each(func(e endpoint, c claim) {
		if c.rank() > 0 {
			m[e] = nil
		}
	})
	if len(m) == 0 {
		return m
	}
	each(func(e endpoint, c claim) {
		if cs, ok := m[e]; ok {
			m[e] = append(cs, c)
		}
	})
	return m
}

// kindOfPorts returns the kind of map that one piece of ports needs.
func (e endpoint) kindOfPorts(r inet.PortRange) layout.PortKind {
	if e.mark != 0 {
		return layout.ByMark
	}
	return [...]layout.PortKind{layout.ExactPorts, layout.PortRanges, layout.AllPorts}[rankOf(r)]
}

// left returns what of a port range is left when the claims of higher precedence are taken away.
func (a *Arrangement) left(e endpoint, r inet.PortRange) []inet.PortRange {
	return a.leftBy(e, r, func(claim) bool { return true })
}

// leftBy is left, as far as relevant says that claims count.
func (a *Arrangement) leftBy(e endpoint, r inet.PortRange, relevant func(claim) bool) []inet.PortRange {
	out := []inet.PortRange{r}
	for _, c := range a.claims[e] {
		if c.rank() >= rankOf(r) || !relevant(c) {
			continue
		}
		var rest []inet.PortRange
		for _, o := range out {
			rest = append(rest, cut(o, c.ports)...)
		}
		out = rest
	}
	return out
}

// cut returns a less b.
func cut(a, b inet.PortRange) []inet.PortRange {
	if !a.Overlaps(b) {
		return []inet.PortRange{a}
	}
	var out []inet.PortRange
	if a.First < b.First {
		out = append(out, inet.PortRange{First: a.First, Last: b.First - 1})
	}
	if b.Last < a.Last {
		out = append(out, inet.PortRange{First: b.Last + 1, Last: a.Last})
	}
	return out
}
