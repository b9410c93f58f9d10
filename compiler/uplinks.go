package compiler

import (
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Uplinks as objects. The top byte of marks is ours (policy.UplinkBits). The mark of a flow says by which
// uplink it leaves; with policy.UplinkCameIn, by which it came in. Its packets get that mark, and ip rules
// send them to the uplink's routing table: answers before all other routes, others behind the more specific
// ones of the table main. What just came from the uplink gets none.
//
//	uplinks: ct mark & 0xff000000 vmap @marked     (one lookup a packet)
//	uplinks: ct state new goto ways                (first packets only)
//
// What chooses are maps, so that a State with an uplink down changes elements alone.
const priorityMark = -150 // NF_IP_PRI_MANGLE: behind conntrack, before routing and NAT

// uplinkChain names a chain of one uplink.
func uplinkChain(k layout.Kind, uplink string) layout.Name {
	return layout.Name{Kind: k, Variant: layout.Variant{Then: uplink}}
}

func setMark(of nft.FieldKind, m uint32) nft.SetMark {
	return nft.SetMark{Of: of, Keep: ^uint32(policy.UplinkBits), Value: m}
}

// ways enters which uplinks the zones of a policy choose, in the state that it has.
func (b *builder) ways(p *policy.Policy) {
	g := &p.Gateway
	if len(g.Routed) == 0 {
		return
	}
	numbers := g.Numbers()
	accept := nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}}
	b.uplinkNames()
	for i := range g.Routed {
		u := &g.Routed[i]
		out := policy.UplinkMark(numbers[u.Name])
		in := out | policy.UplinkCameIn
		entering := nft.IIfIs{Name: u.Interface}

		toward := uplinkChain(layout.ChainTo, u.Name)
		b.rule(toward, entering, accept)
		b.rule(toward, setMark(nft.PacketMark, out), accept) // else the next zone would choose, behind one with conditions
		back := uplinkChain(layout.ChainBack, u.Name)
		b.rule(back, entering, accept)
		b.rule(back, nft.CtOriginal{}, nft.IIfIn{Set: layout.Uplinks.Name().String()}, accept) // the caller, by another way than before
		b.rule(back, setMark(nft.PacketMark, in))
		marked := b.set(layout.Marked.Name())
		marked.Elements = append(marked.Elements,
			nft.Element{Key: b.wire.Mark(out).Take(), Verdict: gotoChain(toward)},
			nft.Element{Key: b.wire.Mark(in).Take(), Verdict: gotoChain(back)})

		from := uplinkChain(layout.ChainFrom, u.Name)
		b.rule(from, setMark(nft.FlowMark, in))
		entered := b.set(layout.Entering.Name())
		entered.Elements = append(entered.Elements, nft.Element{Key: b.wire.Ifname(u.Interface).Take(), Verdict: gotoChain(from)})
		via := uplinkChain(layout.ChainVia, u.Name)
		b.rule(via, setMark(nft.FlowMark, out))
		b.rule(via, nft.Give{Verdict: gotoChain(toward)})
	}
	b.choices(p)
}

// choices enters the zones that choose, and those before them that do not.
func (b *builder) choices(p *policy.Policy) {
	zones, some := p.Zones, false
	plain := make([][]inet.Range, len(zones))
	for i := range zones {
		some = some || zones[i].Uplink.Written()
		if !zones[i].Conditional() {
			plain[i] = zones[i].From
		}
	}
	if !some {
		return
	}
	owned := inet.Flatten(plain)
	inside := make([][]inet.Range, len(zones))
	for i := range zones {
		if z := &zones[i]; z.Conditional() && len(z.OIf) == 0 {
			inside[i] = inet.Subtract(z.From, ownedBefore(owned, i))
		}
	}
	b.chosen = p
	b.arrange(inside, whereChosen, layout.WayConditional)
	for _, o := range owned {
		if z := &zones[o.Owner]; z.Uplink.Written() {
			f := o.Range.Family()
			if v, ok := b.wayOf(z, f); ok {
				b.interval(b.set(layout.Ways.Of(f)), o.Range, nft.Element{Verdict: v, Comment: z.Name})
			}
		}
	}
}

// wayRules ends the chain of a zone with conditions, where uplinks are chosen. (Rules without a map would do,
// but a table that was read back could not tell whose they are.)
func (b *builder) wayRules(z *policy.Zone, chain layout.Name) {
	b.chain(chain)
	for _, f := range inet.Families {
		m := layout.Ways.Own(f, z.Name)
		for _, r := range inet.Of(f, inet.Merge(z.From)) {
			if v, ok := b.wayOf(z, f); ok {
				b.interval(b.set(m), r, nft.Element{Verdict: v, Comment: z.Name})
			}
		}
		if b.has(m) {
			b.rule(chain, nft.Vmap{Key: []nft.Field{fieldsOf(f).saddr}, Map: m.String()})
		}
	}
	b.rule(chain, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
}

// wayOf returns where connections of a zone go for their uplink; false: no uplink carries the family.
func (b *builder) wayOf(z *policy.Zone, f inet.Family) (nft.Verdict, bool) {
	what := policy.Balance
	if !z.Uplink.Balance {
		what = strings.Join(z.Uplink.Names, "/")
	}
	name := layout.Name{Kind: layout.Choice, Family: f, Variant: layout.Variant{Then: what}}
	chain := name
	chain.Kind = layout.ChainChoose
	if b.has(name) {
		return gotoChain(chain), true
	}
	chosen := b.chosenBy(name, &b.chosen.Gateway)
	switch {
	case len(chosen) == 0:
		return nft.Verdict{}, false
	case !z.Uplink.Balance && len(z.Uplink.Names) == 1:
		return chosen[0].Verdict, true
	}
	m := b.set(name)
	m.Elements = chosen
	by := nft.Field{Kind: nft.NumgenInc, Mod: 1}
	if z.Uplink.Balance {
		by = nft.Field{Kind: nft.JHash, Of: []nft.Field{fieldsOf(f).saddr}, Mod: uint32(len(chosen)), Seed: hashSeed}
	}
	b.rule(chain, nft.Vmap{Key: []nft.Field{by}, Map: m.Name})
	return gotoChain(chain), true
}

// uplinkRules writes the hooks that mark packets.
func (b *builder) uplinkRules() {
	if b.holds(layout.Marked) {
		b.leadingRules()
	}
}

func (b *builder) leadingRules() {
	find := nft.Vmap{Key: []nft.Field{{Kind: nft.FlowMark, And: policy.UplinkBits}}, Map: layout.Marked.Name().String()}
	b.hook(layout.ChainUplinks.Name(), nft.Hook{Type: "filter", Point: nft.Prerouting, Priority: priorityMark})
	b.rule(layout.ChainUplinks.Name(), find)
	b.rule(layout.ChainUplinks.Name(), nft.CtNew{}, nft.Give{Verdict: gotoChain(layout.ChainWays.Name())})
	b.hook(layout.ChainReroute.Name(), nft.Hook{Type: "route", Point: nft.Output, Priority: priorityMark})
	b.rule(layout.ChainReroute.Name(), find)
	b.rule(layout.ChainWays.Name(), nft.Vmap{Key: []nft.Field{nft.F(nft.IIfName)}, Map: layout.Entering.Name().String()})
	b.bySource(layout.ChainWays.Name(), layout.WayConditional)
	b.bySource(layout.ChainWays.Name(), layout.Ways)
}
