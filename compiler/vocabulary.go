package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
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
	timeouts := policy.RFCTimeouts()
	p.Gateway.Timeouts = &timeouts
	p.Services = []policy.Service{{SynProxy: policy.SynProxy{On: true}}} // for rules alone: it has no fragment
	b := newBuilder(&Arrangement{policy: p, CountsSlots: true})
	for _, f := range inet.Families {
		b.set(layout.Marks.Of(f))
		b.set(layout.VIPs.Of(f))
		b.set(layout.Chance.Of(f))
		b.set(layout.ChanceMark.Name())
		b.set(layout.Name{Kind: layout.VIPs, Family: f, Variant: layout.Variant{Mapped: true}})
		b.rule(layout.Name{Kind: layout.ChainMarked, Family: f}, nft.Vmap{Key: []nft.Field{packetMark}, Map: b.set(layout.AfterMark.Of(f)).Name})
		for _, kind := range layout.PortKinds {
			b.set(layout.Services.For(f, kind))
			for _, m := range []layout.Kind{layout.LaddrsIn, layout.Helpers, layout.Onward, layout.Remember, layout.TimedServices} {
				b.set(m.For(f, kind))
			}
			b.set(layout.Permitted.For(f, kind))
			b.set(layout.Proxied.For(f, kind))
			b.set(layout.NoChance.For(f, kind))
			b.set(layout.Handshakes.For(f, kind))
			for _, prefix := range []bool{false, true} {
				b.set(hairpinName(f, kind, prefix))
			}
			variantsOf(func(t translation) {
				n := layout.Name{Kind: layout.Laddrs, Family: f, Variant: t.variant()}
				n.Variant.Ports = kind
				b.set(n)
			})
		}
		variantsOf(func(t translation) {
			n := layout.Name{Kind: layout.Zones, Family: f, Variant: t.variant()}
			b.set(n)
			for n.Variant.Bits = 1; f == inet.V4 && n.Variant.Bits <= 32; n.Variant.Bits++ {
				b.set(n)
			}
		})
		for _, random := range []bool{false, true} {
			b.set(layout.Name{Kind: layout.Blocks, Family: f, Variant: layout.Variant{Random: random}})
		}
		for _, m := range []layout.Kind{layout.Mapped, layout.Inbound} {
			b.set(m.Of(f))
		}
		for _, m := range []layout.Kind{layout.LimitedZones, layout.LimitedRejects, layout.Laddrless, layout.Ways, layout.WayConditional, layout.Timed, layout.Excludes, layout.ZoneHelpers, layout.Actions, layout.Conditional, whereRefused.conditional} {
			b.set(m.Of(f))
		}
		rejects := b.set(layout.Rejects.Of(f))
		rejects.Elements = []nft.Element{{Verdict: gotoChain(layout.ChainRefused.Name())}, {Verdict: gotoChain(layout.ChainMasquerade.Name())}}
	}
	b.rules() // toward any interface
	for _, m := range []policy.MSS{policy.MSSClamp, 0} {
		p.Gateway.MSS = m
		b.segmentRules()
		for _, f := range inet.Families {
			b.set(layout.Segments.Of(f))
		}
		b.segmentRules()
	}
	p.Gateway.Uplinks = []string{"named"}
	b.rules() // toward uplinks by name
	for _, f := range inet.Families {
		for _, m := range []layout.Kind{layout.Elsewhere, whereRefused.elsewhere} {
			b.set(m.Of(f))
		}
	}
	b.rules() // and elsewhere
	b.leadingRules()
	b.leavingRules()
	// Without laddrs of services, and without zones.
	b.sentOn(layout.ChainPostrouting.Name(), nil, nft.Verdict{Kind: nft.Accept})
	b.marked(layout.ChainPostrouting.Name(), nil, nft.Verdict{Kind: nft.Accept})
	b.rule(layout.ChainPostrouting.Name(), nft.CtStatus{Bit: nft.DNAT}, nft.Give{Verdict: gotoChain(layout.ChainFullNAT.Name())})
	for _, v := range []nft.Verdict{{Kind: nft.Accept}, {Kind: nft.Drop}, gotoChain(layout.ChainRefused.Name())} {
		b.rule(layout.ChainZone.Name(), nft.Give{Verdict: v}) // what zones with conditions do
	}
	b.chain(layout.ChainPrerouting.Name()).Rules = append(b.chain(layout.ChainPrerouting.Name()).Rules, trackingRule())
	b.rule(layout.ChainOutput.Name(), checkRule()...)
	r := b.ruleset()
	Offload(r, nil)
	return r
}
