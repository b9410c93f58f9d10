package compiler

import (
	"fmt"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// zones enters the zones. Those without conditions are flattened: first-match order becomes
// disjoint ranges of sources, each with what becomes of its connections. Those with
// conditions come before, where the policy has them before (conditions.go).
func (b *builder) zones() {
	zones := b.policy.Zones
	lists := make([][]inet.Range, len(zones), len(zones)+1)
	rejecting := b.policy.Gateway.Unmatched == policy.Reject
	for i := range zones {
		if !zones[i].Conditional() {
			lists[i] = zones[i].From
		}
		rejecting = rejecting || zones[i].Action == policy.Reject || zones[i].Limits.Action == policy.Reject
	}
	owned := inet.Flatten(lists)
	b.conditional(owned, whereTranslated)
	if rejecting {
		b.conditional(owned, whereRefused)
	}
	if b.policy.Gateway.Unmatched == policy.Reject {
		// Rejecting happens in the hook forward, which does not know what the NAT maps hold:
		// what no zone matches is entered like a last zone.
		owned = inet.Flatten(append(lists, []inet.Range{inet.Everything(inet.V4), inet.Everything(inet.V6)}))
	}
	excludes := make(map[string]layout.Name)
	for _, piece := range owned {
		if piece.Owner == len(zones) {
			b.reject(piece.Range, "")
			continue
		}
		z := &zones[piece.Owner]
		b.extras(z, piece.Range)
		b.segments(z, piece.Range)
		b.exclude(z, piece.Range, excludes)
		b.zoneHelpers(z, piece.Range, "")
		b.zone(z, piece.Range)
	}
	b.exact()
	b.inbound()
}

func (b *builder) zone(z *policy.Zone, r inet.Range) {
	switch {
	case z.UplinkLaddrs != nil:
		b.snatBy(z, r, "")
	case z.Action == policy.Snat:
		if v := b.snat(z, r, ""); v != (nft.Verdict{}) {
			b.action(z, r, v, z.Laddrs.Name)
		}
	case z.Action == policy.Reject:
		b.reject(r, z.Name)
	default:
		b.action(z, r, b.verdictOf(z), "")
	}
}

func (b *builder) action(z *policy.Zone, r inet.Range, v nft.Verdict, pool string) {
	f := r.Family()
	m := b.set(layout.Actions.Of(f))
	b.interval(m, r, nft.Element{Verdict: v, Comment: owner(z.Name, pool)})
}

func (b *builder) reject(r inet.Range, zone string) {
	f := r.Family()
	m := b.set(layout.Rejects.Of(f))
	b.interval(m, r, nft.Element{Verdict: gotoChain(layout.ChainRefused.Name()), Comment: zone})
}

// sourceMap names a map of translations: shared by all plain zones, or own to a zone with
// conditions.
func sourceMap(kind layout.Kind, f inet.Family, own string, v layout.Variant) layout.Name {
	n := layout.Name{Kind: kind, Family: f, Variant: v}
	if own != "" {
		n.Object = layout.Object{Of: layout.OfZone, Name: own}
		if kind == layout.Zones {
			n.Kind = layout.Own
		}
	}
	return n
}

// snat enters how a range of a zone's sources is translated, and returns where it goes
// instead if its pool has a chain. own is the zone's name if it has conditions, so that its
// maps are its own.
func (b *builder) snat(z *policy.Zone, r inet.Range, own string) nft.Verdict {
	f := r.Family()
	if z.Map != (inet.Range{}) {
		m := b.set(sourceMap(layout.Mapped, f, own, layout.Variant{}))
		b.interval(m, r, nft.Element{Data: b.rangeBytes(z.Map, inet.PortRange{}), Comment: z.Name})
		return nft.Verdict{}
	}
	if z.Laddrs.Block > 0 {
		b.blocks(z, r, own)
		return nft.Verdict{}
	}
	return b.snatFrom(z, z.Laddrs, r, own, "")
}

// snatFrom is snat from a pool that is not one of blocks; via is the uplink whose connections get it.
func (b *builder) snatFrom(z *policy.Zone, p *policy.Pool, r inet.Range, own, via string) nft.Verdict {
	f := r.Family()
	t := b.translation(p, f, z.Select, poolOf{zone: z, via: via})
	if t.chain != (layout.Name{}) {
		return gotoChain(t.chain)
	}
	b.zoneRange(z, p, r, t, own)
	if t.ports {
		b.zoneRange(z, p, r, t.plain(b, p, f), own) // ICMP and others have no ports to bind
	}
	return nft.Verdict{}
}

func (b *builder) zoneRange(z *policy.Zone, p *policy.Pool, r inet.Range, t translation, own string) {
	m := b.set(sourceMap(layout.Zones, r.Family(), own, t.variant()))
	b.interval(m, r, nft.Element{Data: t.bytes, Comment: owner(z.Name, p.Name)})
}

// blocks enters the fixed block of ports of every source in a range (RFC 7422). Protocols
// without ports share the laddr.
func (b *builder) blocks(z *policy.Zone, r inet.Range, own string) {
	if r.Family() == inet.V6 {
		b.fail(z.At("from"), "K04", "zone "+z.Name, fmt.Sprintf("zone %s: IPv6 sources cannot have blocks of ports (nft 1.0.6 cannot handle IPv6 addresses with ports in that map)", z.Name),
			"give IPv6 sources a zone and a pool of their own, without `block`")
		return
	}
	m := b.set(sourceMap(layout.Blocks, inet.V4, own, layout.Variant{Random: z.Laddrs.Random}))
	comment := owner(z.Name, z.Laddrs.Name)
	number := policy.Blocks(z.Laddrs, b.policy.Zones, inet.V4)
	run := inet.Owned{}
	flush := func() {
		if run.Range.Family() != 0 {
			laddr := number.Laddr(run.Owner)
			b.zoneRange(z, z.Laddrs, run.Range, translation{random: z.Laddrs.Random, bytes: b.rangeBytes(inet.AddrRange(laddr), inet.PortRange{})}, own)
		}
	}
	for a := r.From; ; a = a.Next() {
		which, ports, ok := number.Of(a)
		if !ok {
			b.fail(z.At("laddrs"), "P15", "zone "+z.Name, fmt.Sprintf("zone %s: the pool has no block of ports left for %s", z.Name, a), "make the pool larger, or its blocks smaller")
			return
		}
		laddr := number.Laddr(which)
		m.Elements = append(m.Elements, nft.Element{Key: b.wire.Addr(a).Take(), Data: b.rangeBytes(inet.AddrRange(laddr), ports), Comment: comment})
		if run.Range.Family() != 0 && run.Owner == which {
			run.Range.To = a
		} else {
			flush()
			run = inet.Owned{Range: inet.AddrRange(a), Owner: which}
		}
		if a == r.To {
			break
		}
	}
	flush()
}

// inbound enters the way into mapped zones: what calls a mapped address reaches the source
// behind it.
func (b *builder) inbound() {
	zones := b.policy.Zones
	lists := make([][]inet.Range, len(zones))
	for i := range zones {
		if zones[i].Map != (inet.Range{}) {
			lists[i] = []inet.Range{zones[i].Map}
		}
	}
	for _, o := range inet.Flatten(lists) {
		f := o.Range.Family()
		b.interval(b.set(layout.Name{Kind: layout.VIPs, Family: f, Variant: layout.Variant{Mapped: true}}), o.Range, nft.Element{})
		m := b.set(layout.Inbound.Of(f))
		b.interval(m, o.Range, nft.Element{Data: b.rangeBytes(inet.Merge(zones[o.Owner].From)[0], inet.PortRange{}), Comment: zones[o.Owner].Name})
	}
}

// exclude sends a zone's sources through the list of destinations that stay untranslated.
// Zones with equal lists share it.
func (b *builder) exclude(z *policy.Zone, r inet.Range, known map[string]layout.Name) {
	f := r.Family()
	if len(inet.Of(f, z.Exclude)) == 0 {
		return
	}
	list := inet.Merge(z.Exclude)
	id := fmt.Sprint(list)
	chain, ok := known[id]
	if !ok {
		chain = layout.ChainExclude.Own(0, z.Name)
		known[id] = chain
		b.excludeRules(z, chain)
	}
	m := b.set(layout.Excludes.Of(f))
	b.interval(m, r, nft.Element{Verdict: jumpChain(chain), Comment: z.Name})
}
