package compiler

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Vocabulary returns a table that holds every constant rule which a policy can bring into
// the chains that all tables have. Rules that were read from the kernel are recognized by
// it, so that a diff can spell what goes. It is never applied.
func Vocabulary() *nft.Ruleset {
	p := &policy.Policy{Gateway: policy.DefaultGateway()}
	p.Gateway.Unmatched = policy.Drop
	b := &builder{policy: p, countsSlots: true, sets: make(map[string]*nft.Set), chains: make(map[string]*nft.Chain)}
	for _, f := range inet.Families {
		addr := nft.AddrType(f)
		b.set(named(setVIPs, f), nft.NoData, false, addr)
		b.set(named(setVIPs, f, mapMapped), nft.NoData, true, addr)
		for _, kind := range []portKind{exactPorts, portRanges, allPorts} {
			key := serviceTypes(f, kind)
			b.set(named(mapServices, f, kind.variant()), nft.VerdictData, kind == portRanges, key...)
			for _, m := range []string{mapLaddrsIn, mapRemember} {
				b.set(named(m, f, kind.variant()), nft.VerdictData, kind == portRanges, key...)
			}
			b.set(named(mapPermitted, f, kind.variant()), nft.VerdictData, true, append([]nft.Type{addr}, key...)...)
			variantsOf(func(t translation) {
				b.set(named(mapLaddrs, f, append([]string{kind.variant()}, t.variants()...)...), t.dataFor(f), kind == portRanges, key...)
			})
		}
		variantsOf(func(t translation) {
			b.set(named(mapZones, f, t.variants()...), t.dataFor(f), true, addr)
		})
		for _, random := range []string{"", "random"} {
			b.set(named(mapBlocks, f, random), nft.AddrRange4Port, false, addr)
		}
		for _, m := range []string{mapMapped, mapInbound} {
			b.set(named(m, f), addrRange(f), true, addr)
		}
		for _, m := range []string{mapExcludes, mapActions, mapConditional, whereRefused.name + mapConditional} {
			b.set(named(m, f), nft.VerdictData, true, addr)
		}
		rejects := b.set(named(mapRejects, f), nft.VerdictData, true, addr)
		rejects.Elements = []nft.Element{{Verdict: nft.GotoChain(chainRefused)}, {Verdict: nft.GotoChain(chainMasquerade)}}
	}
	b.rules() // toward any interface
	p.Gateway.Uplinks = []string{"named"}
	b.rules() // toward uplinks by name
	for _, f := range inet.Families {
		for _, m := range []string{mapElsewhere, whereRefused.name + mapElsewhere} {
			b.set(named(m, f), nft.VerdictData, true, nft.AddrType(f))
		}
	}
	b.rules() // and elsewhere
	// Without laddrs of services, and without zones.
	b.sentOn(chainPostrouting, nil, nft.Verdict{Kind: nft.Accept})
	b.rule(chainPostrouting, nft.CtStatus{Bit: nft.DNAT}, nft.Give{Verdict: nft.GotoChain(chainFullNAT)})
	for _, v := range []nft.Verdict{{Kind: nft.Accept}, {Kind: nft.Drop}, nft.GotoChain(chainRefused)} {
		b.rule(chainZone, nft.Give{Verdict: v}) // what zones with conditions do
	}
	b.chain(chainPrerouting).Rules = append(b.chain(chainPrerouting).Rules, trackingRule())
	r := b.ruleset()
	Offload(r, nil)
	return r
}

// dataFor returns what a map of this translation holds.
func (t translation) dataFor(f inet.Family) nft.Data {
	if t.ports && f == inet.V4 {
		return nft.AddrRange4Port
	}
	return addrRange(f)
}
