package law

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// fair holds how the kernel chooses against scheduler and selection, and how often it
// chooses each real server and laddr against their weights. agree has looked at what can be
// chosen before.
func (l *Law) fair(d *policy.Decision, pkt Packet, outcomes []Outcome) error {
	f := inet.FamilyOf(pkt.From.Addr())
	s, z := l.service(d.Service), l.zone(d.Zone)
	var pool *policy.Pool
	var sel policy.Select
	switch {
	case d.Verdict != policy.Accept:
		return nil
	case s != nil && s.Mode == policy.FullNAT:
		pool, sel = s.Laddrs, s.Select
	case z != nil && len(d.SNAT) > 0:
		pool, sel = z.PoolThrough(&l.Policy.Gateway, pkt.OIf), z.Select
	}
	for _, o := range outcomes {
		if s != nil && len(d.DNAT) > 1 && !by(l.schedulerFields(s.Scheduler, f), o.ToBy.By) {
			return fmt.Errorf("the scheduler %s chooses by %s", s.Scheduler, o.ToBy.By)
		}
		if pool == nil || pool.Block > 0 {
			continue
		}
		if o.Random != pool.Random {
			return fmt.Errorf("fully-random is %t, the pool's random %t", o.Random, pool.Random)
		}
		switch {
		case o.SNAT.Single():
			if n := addresses(d.SNAT); n > 1 && !by(selectFields(sel, f, pkt.Proto), o.FromBy.By) {
				return fmt.Errorf("select %s chooses by %s", sel, o.FromBy.By)
			}
		case sel == policy.SelectSource != o.Persistent || sel != policy.SelectSource && sel != policy.SelectSourceDestination:
			return fmt.Errorf("select %s leaves the choice in %s to the kernel, persistent is %t", sel, o.SNAT, o.Persistent)
		}
	}
	if s != nil && s.Scheduler != policy.Maglev && len(d.DNAT) > 1 {
		weights := make(map[netip.AddrPort]int)
		for _, rs := range s.Active(f) {
			port := rs.Port
			if port == 0 {
				port = pkt.To.Port()
			}
			weights[netip.AddrPortFrom(rs.Addr, port)] += rs.Weight
		}
		if err := shares(weights, outcomes, func(o *Outcome) (netip.AddrPort, Choice) { return o.DNAT, o.ToBy }); err != nil {
			return err
		}
	}
	if pool == nil || pool.Block > 0 {
		return nil
	}
	weights := make(map[netip.Addr]int)
	for _, w := range pool.Laddrs {
		for _, r := range inet.Intersect([]inet.Range{w.Range}, pool.Ranges(f)) {
			if r.Count() > 1<<12 {
				return nil
			}
			for a := r.From; r.Contains(a); a = a.Next() {
				if weights[a] == 0 { // the first entry that holds an address gives its weight
					weights[a] = w.Weight
				}
			}
		}
	}
	return shares(weights, outcomes, func(o *Outcome) (netip.Addr, Choice) { return o.SNAT.From, o.FromBy })
}

func (l *Law) zone(name string) *policy.Zone {
	for i := range l.Policy.Zones {
		if z := &l.Policy.Zones[i]; z.Name == name {
			return z
		}
	}
	return nil
}

// shares holds how many slots lead to a result against its weight, where slots are enough
// to tell.
func shares[T comparable](weights map[T]int, outcomes []Outcome, of func(o *Outcome) (T, Choice)) error {
	sum, divisor := 0, 0
	for _, w := range weights {
		sum += w
		for a, b := w, divisor; ; a, b = b, a%b {
			if b == 0 {
				divisor = a
				break
			}
		}
	}
	const enough = 1024 // slots of one schedule at most
	if divisor == 0 || sum/divisor > enough {
		return nil
	}
	for i := range outcomes {
		what, c := of(&outcomes[i])
		if c.Of > 0 && c.Share*sum != weights[what]*c.Of {
			return fmt.Errorf("%v has %d of %d slots, its weight is %d of %d", what, c.Share, c.Of, weights[what], sum)
		}
	}
	return nil
}

func addresses(rs []inet.Range) (n uint64) {
	for _, r := range rs {
		n += r.Count()
	}
	return n
}

func by(want []nft.Field, got nft.Field) bool {
	return slices.ContainsFunc(want, func(w nft.Field) bool {
		return w.Kind == got.Kind && slices.EqualFunc(w.Of, got.Of, func(a, b nft.Field) bool { return a.Kind == b.Kind })
	})
}

// schedulerFields returns what a scheduler may choose by.
func (l *Law) schedulerFields(s policy.Scheduler, f inet.Family) []nft.Field {
	saddr, daddr := addrFields(f)
	switch s {
	case policy.Random:
		return []nft.Field{{Kind: nft.NumgenRandom}}
	case policy.SourceHash, policy.Maglev:
		return []nft.Field{hashOf(saddr)}
	case policy.DestinationHash:
		return []nft.Field{hashOf(daddr)}
	}
	if l.Crowded {
		return []nft.Field{{Kind: nft.NumgenInc}, {Kind: nft.NumgenRandom}}
	}
	return []nft.Field{{Kind: nft.NumgenInc}}
}

// selectFields returns what a selection may choose by.
func selectFields(s policy.Select, f inet.Family, p inet.Proto) []nft.Field {
	saddr, daddr := addrFields(f)
	switch s {
	case policy.SelectRandom:
		return []nft.Field{{Kind: nft.NumgenRandom}}
	case policy.SelectRoundRobin:
		return []nft.Field{{Kind: nft.NumgenInc}}
	case policy.SelectSource:
		return []nft.Field{hashOf(saddr)}
	case policy.SelectFlow:
		if p.HasPorts() {
			return []nft.Field{hashOf(saddr, daddr, nft.F(nft.L4Proto), nft.F(nft.Sport), nft.F(nft.Dport))}
		}
	}
	return []nft.Field{hashOf(saddr, daddr)}
}

func hashOf(of ...nft.Field) nft.Field { return nft.Field{Kind: nft.JHash, Of: of} }

func addrFields(f inet.Family) (saddr, daddr nft.Field) {
	if f == inet.V4 {
		return nft.F(nft.IPSaddr), nft.F(nft.IPDaddr)
	}
	return nft.F(nft.IP6Saddr), nft.F(nft.IP6Daddr)
}
