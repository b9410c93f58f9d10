package compiler

import (
	"fmt"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// zones flattens the zones' first-match order into disjoint ranges of sources and enters
// each with what becomes of its connections.
func (b *builder) zones() {
	zones := b.policy.Zones
	lists := make([][]inet.Range, len(zones), len(zones)+1)
	for i := range zones {
		lists[i] = zones[i].From
	}
	if b.policy.Gateway.Unmatched == policy.Reject {
		// Rejecting happens in the hook forward, which does not know what the NAT maps hold:
		// what no zone matches is entered like a last zone.
		lists = append(lists, []inet.Range{inet.Everything(inet.V4), inet.Everything(inet.V6)})
	}
	excludes := make(map[string]string)
	for _, piece := range inet.Flatten(lists) {
		if piece.Owner == len(zones) {
			b.reject(piece.Range, "")
			continue
		}
		z := &zones[piece.Owner]
		b.exclude(z, piece.Range, excludes)
		b.zone(z, piece.Range)
	}
}

func (b *builder) zone(z *policy.Zone, r inet.Range) {
	switch z.Action {
	case policy.Snat:
		b.snat(z, r)
	case policy.Masquerade:
		b.action(z, r, nft.GotoChain(chainMasquerade), "")
	case policy.Accept:
		b.action(z, r, nft.Verdict{Kind: nft.Accept}, "")
	case policy.Drop:
		b.action(z, r, nft.Verdict{Kind: nft.Drop}, "")
	case policy.Reject:
		b.reject(r, z.Name)
	}
}

func (b *builder) action(z *policy.Zone, r inet.Range, v nft.Verdict, pool string) {
	f := r.Family()
	m := b.set(named(mapActions, f), nft.VerdictData, true, nft.AddrType(f))
	b.interval(m, r, nft.Element{Verdict: v, Comment: owner(z.Name, pool)})
}

func (b *builder) reject(r inet.Range, zone string) {
	f := r.Family()
	m := b.set(named(mapRejects, f), nft.VerdictData, true, nft.AddrType(f))
	b.interval(m, r, nft.Element{Verdict: nft.GotoChain(chainRefused), Comment: zone})
}

func (b *builder) snat(z *policy.Zone, r inet.Range) {
	f := r.Family()
	t := b.translation(z.Laddrs, f, z.Select, poolOf{zone: z})
	if t.chain != "" {
		b.action(z, r, nft.GotoChain(t.chain), z.Laddrs.Name)
		return
	}
	b.zoneRange(z, r, t)
	if t.ports {
		b.zoneRange(z, r, t.plain(b, z.Laddrs, f)) // ICMP and others have no ports to bind
	}
}

func (b *builder) zoneRange(z *policy.Zone, r inet.Range, t translation) {
	m := b.set(named(mapZones, r.Family(), t.variants()...), t.data, true, nft.AddrType(r.Family()))
	b.interval(m, r, nft.Element{Data: t.bytes, Comment: owner(z.Name, z.Laddrs.Name)})
}

// exclude sends a zone's sources through the list of destinations that stay untranslated.
// Zones with equal lists share it.
func (b *builder) exclude(z *policy.Zone, r inet.Range, known map[string]string) {
	f := r.Family()
	if len(inet.Of(f, z.Exclude)) == 0 {
		return
	}
	list := inet.Merge(z.Exclude)
	id := fmt.Sprint(list)
	chain := known[id]
	if chain == "" {
		chain = chainExclude + z.Name
		known[id] = chain
		for _, f := range inet.Families {
			if len(inet.Of(f, list)) == 0 {
				continue
			}
			set := b.set(named(setExclude, f, z.Name), nft.NoData, true, nft.AddrType(f))
			for _, x := range inet.Of(f, list) {
				b.interval(set, x, nft.Element{})
			}
			b.rule(chain, nft.InSet{Field: fieldsOf(f).daddr, Set: set.Name}, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
		}
	}
	m := b.set(named(mapExcludes, f), nft.VerdictData, true, nft.AddrType(f))
	b.interval(m, r, nft.Element{Verdict: nft.JumpChain(chain), Comment: z.Name})
}
