package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

func (b *builder) zoneRules() {
	b.bySource(layout.ChainZones.Name(), layout.Conditional)
	for _, x := range zoneExtras() {
		if !x.refuses {
			b.bySource(layout.ChainZones.Name(), x.kind)
		}
	}
	b.bySource(layout.ChainZones.Name(), layout.Excludes)
	b.zoneHelperRules(layout.ChainZones.Name(), "")
	b.translate(layout.ChainZones.Name(), "", "")
	b.bySource(layout.ChainZones.Name(), layout.Actions)
	b.leavingRules()
	if b.policy.Gateway.Unmatched == policy.Drop {
		b.rule(layout.ChainZones.Name(), nft.Give{Verdict: nft.Verdict{Kind: nft.Drop}})
	}
	b.bySource(layout.ChainElsewhere.Name(), layout.Elsewhere)
}

// translate translates by the maps of plain zones, or by those that a zone with conditions
// owns; by those of what leaves by one uplink, if via is one.
func (b *builder) translate(chain layout.Name, own, via string, cond ...nft.Stmt) {
	match := nft.L4Is{Protos: transports}
	for _, f := range inet.Families {
		key := []nft.Field{fieldsOf(f).saddr}
		for _, random := range []bool{false, true} {
			t := translation{random: random, via: via} // none by uplink: U06
			if m := b.sets[sourceMap(layout.Blocks, f, own, t.variant())]; m != nil {
				b.rule(chain, match, t.nat(m, key))
			}
		}
		if m := b.sets[sourceMap(layout.Mapped, f, own, layout.Variant{})]; m != nil && via == "" {
			b.rule(chain, nft.NAT{Source: true, Key: key, Map: m.Name, Data: m.Data, Prefix: true})
		}
		variantsOf(func(t translation) {
			t.via = via
			by := func(m *nft.Set, key []nft.Field) {
				stmts := cond[:len(cond):len(cond)]
				if t.ports {
					stmts = append(stmts, match)
				}
				b.rule(chain, append(stmts, t.nat(m, key))...)
			}
			name := sourceMap(layout.Zones, f, own, t.variant())
			b.exactMaps(name, by)
			if m := b.sets[name]; m != nil {
				by(m, key)
			}
		})
	}
}

// refuseRules rejects in the hook forward, since the kernel cannot in postrouting. That hook
// sees all packets, so the rules look for the first of a connection themselves.
func (b *builder) refuseRules() {
	elsewhere := b.holds(whereRefused.elsewhere)
	if !elsewhere && !b.holds(layout.Rejects, layout.LimitedRejects, whereRefused.conditional) {
		return
	}
	b.hook(layout.ChainForward.Name(), nft.Hook{Type: "filter", Point: nft.Forward, Priority: 0})
	first := []nft.Stmt{nft.CtNew{}, nft.CtStatus{Bit: nft.Confirmed, Not: true}}
	b.marked(layout.ChainForward.Name(), first, nft.Verdict{Kind: nft.Accept})
	b.sentOn(layout.ChainForward.Name(), first, nft.Verdict{Kind: nft.Accept})
	if elsewhere {
		b.towardUplinks(layout.ChainForward.Name(), first, gotoChain(layout.ChainRefuse.Name()))
		b.rule(layout.ChainForward.Name(), append(first, nft.Give{Verdict: jumpChain(layout.ChainRefuseElsewhere.Name())})...)
		b.bySource(layout.ChainRefuseElsewhere.Name(), whereRefused.elsewhere)
	} else {
		b.towardUplinks(layout.ChainForward.Name(), first, jumpChain(layout.ChainRefuse.Name()))
	}
	b.chain(layout.ChainRefuse.Name()) // rules lead to it even where all that rejects leaves elsewhere
	b.bySource(layout.ChainRefuse.Name(), whereRefused.conditional)
	b.bySource(layout.ChainRefuse.Name(), layout.LimitedRejects)
	b.bySource(layout.ChainRefuse.Name(), layout.Excludes)
	b.bySource(layout.ChainRefuse.Name(), layout.Rejects)
	if b.holds(layout.LimitedRejects) {
		// A pattern and a name may both match one uplink, and limits must count once.
		b.rule(layout.ChainRefuse.Name(), nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
	}
}
