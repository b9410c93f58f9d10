package ct

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/soak"
)

// TestStaleLaw makes random policies and flows that they make. Such a flow is never stale
// under its own policy, and under another, or after routing has changed, exactly if that would
// not make it and does not spare it either.
func TestStaleLaw(t *testing.T) {
	kept, ended := 0, 0
	for seed := range uint64(soak.Count(400, 30_000)) {
		r := maker{rand.New(rand.NewPCG(seed, 1))}
		was, will := r.bindings(), r.bindings()
		if r.IntN(2) == 0 {
			will = r.change(was)
		}
		before, after := pick(r, "", "wan0", "wan1"), pick(r, "", "wan0", "wan1")
		x, y := NewIndex(was, gateway).WithWays(leaving(before)), NewIndex(will, gateway).WithWays(leaving(after))
		for range 60 {
			f := r.flow(was, before)
			if f == nil {
				continue
			}
			if o := x.Owner(f); o.Past || o.Service == "" && o.Zone == "" {
				t.Fatalf("seed %d: %s belongs to %s under the policy that made it\n%+v", seed, flowText(f), ownerText(o), was)
			}
			for name, before := range map[string]*Index{"itself": x, "no policy": nil} {
				if why, stale := Contradicts(before, x, f); stale {
					t.Fatalf("seed %d: %s is stale after %s: %s\n%+v", seed, flowText(f), name, why, was)
				}
			}
			why, stale := Contradicts(NewIndex(was, gateway), y, f)
			// The engine does not know by which interface a flow left when it was made. That makes a
			// difference only where zones that could have made it ask for interfaces.
			if again, _ := Contradicts(x, y, f); again != why && !asked(was, f) {
				t.Fatalf("seed %d: %s is stale by %q or %q\n%+v", seed, flowText(f), why, again, was)
			}
			if want := !makes(will, f, after) && !spared(was, will, f, before, after); stale != want {
				t.Fatalf("seed %d (ways %q): %s is stale: %v (%s), want %v\nwas  %+v\nwill %+v", seed, []string{before, after}, flowText(f), stale, why, want, was, will)
			}
			if stale {
				ended++
				if why.Kind == "" || why.Name == "" || why.Why == "" {
					t.Fatalf("seed %d: %s is stale for no reason: %v", seed, flowText(f), why)
				}
			} else {
				kept++
			}
		}
	}
	if kept < 1000 || ended < 1000 {
		t.Errorf("%d flows were kept and %d ended: too few to tell", kept, ended)
	}
}

// leaving says that all leaves by one interface; "": by which is not known.
func leaving(out string) Ways {
	return func(*Flow) []string {
		if out == "" {
			return nil
		}
		return []string{out}
	}
}

// asked tells whether a zone that holds a flow's source asks for the interface that it leaves by.
func asked(b Bindings, f *Flow) bool {
	return slices.ContainsFunc(b.Zones, func(z Zone) bool { return len(z.OIf) > 0 && contains(z.Sources, f.Orig.Src.Addr()) && z.matches(f) })
}

// asks tells whether a zone may have what leaves by an interface, and whether it is certain.
func asks(z Zone, out string) (may, must bool) {
	switch {
	case len(z.OIf) == 0:
		return true, !z.IIf
	case out == "":
		return true, false
	}
	has := slices.Contains(z.OIf, out)
	return has, has && !z.IIf
}

// makes tells, one rule after the other, whether a policy would make a flow that leaves by an
// interface.
func makes(b Bindings, f *Flow, out string) bool {
	if f.TranslatedDst() {
		s := called(b, f)
		if s != nil {
			hairpin := contains(s.Hairpin, f.Orig.Src.Addr()) && slices.Contains(gateway, f.Reply.Dst.Addr())
			return lists(s, f) && (!f.hasLaddr() || inPools(s.Pools, f.Reply.Dst.Addr()) || hairpin)
		}
		for _, z := range b.Zones {
			for _, m := range z.Maps {
				if m.Outside.Contains(f.Orig.Dst.Addr()) {
					return nth(m.Inside, number(m.Outside, f.Orig.Dst.Addr())) == f.Reply.Src.Addr()
				}
			}
		}
		return false
	}
	decided := false
	for _, z := range b.Zones {
		may, must := asks(z, out)
		if !contains(z.Sources, f.Orig.Src.Addr()) || !z.matches(f) || !may || decided && !z.IIf && z.OIf == nil {
			continue
		}
		if gives(z, f, out) {
			return true
		}
		if must && z.OIf != nil {
			return false // where it leaves by no uplink it does so, too
		}
		decided = decided || must
	}
	return false
}

// gives tells whether a zone translates to the flow's laddr, if it leaves by an interface.
func gives(z Zone, f *Flow, out string) bool {
	laddr := f.Reply.Dst.Addr()
	switch z.Action {
	case "snat":
		if out != "" && len(z.Through) > 0 {
			return slices.ContainsFunc(z.Through, func(t Through) bool { return t.OIf == out && contains(t.Laddrs, laddr) })
		}
		return inPools(z.Pools, laddr)
	case "masquerade":
		return slices.Contains(gateway, laddr)
	case "map":
		return z.Maps[0].Inside.Contains(f.Orig.Src.Addr()) && nth(z.Maps[0].Outside, number(z.Maps[0].Inside, f.Orig.Src.Addr())) == laddr
	}
	return false
}

// spared tells whether a zone refuses the flow's like now, and the zone that made the flow
// would still translate it so.
func spared(was, will Bindings, f *Flow, before, after string) bool {
	meets := func(z Zone) bool { return contains(z.Sources, f.Orig.Src.Addr()) && z.matches(f) }
	now := slices.IndexFunc(will.Zones, func(z Zone) bool { _, must := asks(z, after); return meets(z) && must })
	had := slices.IndexFunc(was.Zones, func(z Zone) bool { return meets(z) && gives(z, f, before) })
	return !f.TranslatedDst() && now >= 0 && had >= 0 && (will.Zones[now].Action == "drop" || will.Zones[now].Action == "reject") &&
		slices.ContainsFunc(will.Zones, func(z Zone) bool {
			may, _ := asks(z, after)
			return may && z.Name == was.Zones[had].Name && gives(z, f, after)
		})
}

// called finds the service by rank: exact port, range, any.
func called(b Bindings, f *Flow) *Service {
	var best *Service
	rank := 3
	for i, s := range b.Services {
		for _, fr := range s.Fronts {
			r := 1
			if fr.Ports.Ports.Single() {
				r = 0
			} else if fr.Ports.Ports == inet.AnyPort {
				r = 2
			}
			if fr.VIP == f.Orig.Dst.Addr() && fr.Ports.Proto == f.Orig.Proto && fr.Ports.Ports.Contains(f.Orig.Dst.Port()) && r < rank {
				best, rank = &b.Services[i], r
			}
		}
	}
	return best
}

func lists(s *Service, f *Flow) bool {
	return slices.ContainsFunc(s.Servers, func(rs Server) bool {
		return netip.AddrPortFrom(rs.Addr, rs.Port) == f.Reply.Src || rs.Port == 0 && netip.AddrPortFrom(rs.Addr, f.Orig.Dst.Port()) == f.Reply.Src
	})
}

func inPools(pools []Pool, a netip.Addr) bool {
	return slices.ContainsFunc(pools, func(p Pool) bool { return contains(p.Laddrs, a) })
}

func number(r inet.Range, a netip.Addr) int {
	n := 0
	for r.From.Less(a) {
		a, n = a.Prev(), n+1
	}
	return n
}

func nth(r inet.Range, n int) netip.Addr {
	a := r.From
	for range n {
		a = a.Next()
	}
	return a
}

// maker makes small policies out of few addresses, so that flows and policies meet.
type maker struct{ *rand.Rand }

func pick[T any](r maker, list ...T) T { return list[r.IntN(len(list))] }

func (r maker) bindings() Bindings {
	var b Bindings
	used := make(map[Front]bool)
	for i := range r.IntN(5) {
		s := Service{Name: fmt.Sprint("s", i)}
		for range 1 + r.IntN(2) {
			f := Front{netip.MustParseAddr(pick(r, "203.0.113.10", "203.0.113.11")), inet.ProtoPorts{Proto: pick(r, inet.TCP, inet.UDP),
				Ports: pick(r, inet.PortRange{First: 80, Last: 80}, inet.PortRange{First: 81, Last: 81}, inet.PortRange{First: 70, Last: 90}, inet.AnyPort)}, 0}
			if !used[f] {
				used[f] = true
				s.Fronts = append(s.Fronts, f)
			}
		}
		for n := range r.IntN(4) {
			s.Servers = append(s.Servers, Server{Addr: r.addr("192.168.1.1", 4), Port: pick(r, uint16(0), 80, 8080), Weight: n})
		}
		if r.IntN(2) == 0 {
			s.Pools = r.pools("192.168.2.1")
		} else if n := len(s.Servers); n > 0 {
			s.Hairpin = []inet.Range{inet.MustRange([]string{"10.1.0.3-10.1.0.8", "10.1.0.2", "10.1.0.6-10.1.0.13"}[(n+i)%3])}
		}
		b.Services = append(b.Services, s)
	}
	b.Zones = r.zones()
	return b
}

// zones makes some with conditions, and others whose sources are disjoint.
func (r maker) zones() []Zone {
	var out []Zone
	var taken []inet.Range
	conditional := r.IntN(3)
	for i := range conditional + r.IntN(5) {
		z := Zone{Name: fmt.Sprint("z", i), Action: pick(r, "snat", "snat", "masquerade", "drop", "accept", "map")}
		z.Sources = []inet.Range{r.span("10.1.0.1", 12)}
		if i < conditional {
			switch r.IntN(3) {
			case 0:
				z.IIf = r.IntN(2) == 0
				if !z.IIf || r.IntN(3) == 0 {
					z.OIf = pick(r, []string{"wan0"}, []string{"wan1"}, []string{"wan0", "wan1"})
				}
			case 1:
				z.To = []inet.Range{r.span("9.9.9.1", 3)}
			default:
				z.Ports = []inet.ProtoPorts{{Proto: pick(r, inet.TCP, inet.UDP), Ports: pick(r, inet.AnyPort, inet.PortRange{First: 80, Last: 80})}, {Proto: inet.ICMP}}
			}
		} else {
			z.Sources = inet.Subtract(z.Sources, taken)
			taken = append(taken, z.Sources...)
		}
		switch {
		case z.Action == "snat":
			z.Pools = r.pools("198.51.100.1")
			if r.IntN(3) == 0 && z.OIf == nil && !z.IIf {
				other := r.pools("198.51.100.1")
				z.Through = []Through{{"wan0", z.Pools[0].Laddrs}, {"wan1", other[0].Laddrs}}
				z.Pools = append(z.Pools, other...)
			}
		case z.Action == "map" && (i < conditional || len(z.Sources) != 1):
			z.Action = "drop"
		case z.Action == "map":
			from := r.addr(fmt.Sprintf("198.18.%d.1", i), 20) // maps' outer addresses do not overlap
			z.Maps = []Map{{z.Sources[0], inet.Range{From: from, To: nth(inet.Range{From: from}, number(z.Sources[0], z.Sources[0].To))}}}
		}
		out = append(out, z)
	}
	return out
}

// change makes another policy that differs in one service and one zone.
func (r maker) change(b Bindings) Bindings {
	other := r.bindings()
	out := Bindings{slices.Clone(b.Services), slices.Clone(b.Zones)}
	if len(out.Services) > 0 && len(other.Services) > 0 {
		i := r.IntN(len(out.Services))
		o := &other.Services[0]
		out.Services[i].Servers, out.Services[i].Pools, out.Services[i].Hairpin = o.Servers, o.Pools, o.Hairpin
	}
	if len(out.Zones) > 0 && len(other.Zones) > 0 {
		z := &out.Zones[r.IntN(len(out.Zones))]
		if o := other.Zones[0]; o.Action != "map" {
			z.Action, z.Pools, z.Through, z.Maps = o.Action, o.Pools, o.Through, nil
		}
	}
	return out
}

func (r maker) addr(from string, most int) netip.Addr {
	return nth(inet.AddrRange(netip.MustParseAddr(from)), r.IntN(most))
}

func (r maker) span(from string, most int) inet.Range {
	a, b := r.addr(from, most), r.addr(from, most)
	if b.Less(a) {
		a, b = b, a
	}
	return inet.Range{From: a, To: b}
}

func (r maker) pools(from string) []Pool {
	return []Pool{{Name: "pool", Laddrs: inet.Merge([]inet.Range{r.span(from, 6), r.span(from, 6)})}}
}

// flow makes a flow that the policy makes, translated; nil if the dice found none.
func (r maker) flow(b Bindings, out string) *Flow {
	for range 200 {
		f := &Flow{}
		f.Orig.Proto = pick(r, inet.TCP, inet.UDP, inet.ICMP)
		f.Orig.Src = netip.AddrPortFrom(r.addr("10.1.0.2", 12), 999)
		f.Orig.Dst = netip.AddrPortFrom(pick(r, netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.113.11"), r.addr("9.9.9.1", 4), r.addr(fmt.Sprintf("198.18.%d.1", r.IntN(6)), 30)),
			pick(r, uint16(80), 81, 85, 99))
		if r.IntN(3) == 0 {
			f.Orig.Src = netip.MustParseAddrPort("8.8.8.8:999")
		}
		f.Reply = Tuple{Proto: f.Orig.Proto, Src: f.Orig.Dst, Dst: f.Orig.Src}
		if s := called(b, f); s != nil {
			if len(s.Servers) == 0 {
				continue
			}
			rs := pick(r, s.Servers...)
			f.Reply.Src = netip.AddrPortFrom(rs.Addr, max(rs.Port, f.Orig.Dst.Port()))
			if rs.Port != 0 {
				f.Reply.Src = netip.AddrPortFrom(rs.Addr, rs.Port)
			}
			if contains(s.Hairpin, f.Orig.Src.Addr()) {
				f.Reply.Dst = netip.AddrPortFrom(gateway[1], 999)
			}
			if len(s.Pools) > 0 {
				f.Reply.Dst = netip.AddrPortFrom(r.addr("192.168.2.1", 6), 999)
			}
		} else if r.IntN(2) == 0 {
			f.Reply.Src = netip.AddrPortFrom(r.addr("10.1.0.2", 12), f.Orig.Dst.Port())
		} else {
			f.Reply.Dst = netip.AddrPortFrom(pick(r, r.addr("198.51.100.1", 6), gateway[1], r.addr(fmt.Sprintf("198.18.%d.1", r.IntN(6)), 30)), 999)
		}
		if (f.TranslatedDst() || f.hasLaddr()) && makes(b, f, out) {
			return f
		}
	}
	return nil
}

func flowText(f *Flow) string { return string(AppendText(nil, f, &Owner{})) }
