package compiler

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Zones with conditions (to, ports, iif, oif) cannot be in the maps by source alone. Each
// has a chain that checks its conditions and, where they hold, goes on to what the zone does;
// else it returns. Sources that such zones hold are sent through their chains, in the order
// of the policy, before the maps of plain zones are asked:
//
//	conditional4: 10.2.0.0/16 : jump zone/mail
//	conditional4: 10.9.0.0/16 : jump when/mail/web   (zone/mail, then zone/web)
//
// Sources that an earlier plain zone owns are left out, so the order holds, and
// sources of no conditional zone pay one lookup.
//
// Zones that reject do so in the hook forward, where NAT is not allowed. If there are any,
// the chains exist twice: `zone/` for postrouting, `refuse/` for forward.
// place is one of the two hooks where zones decide.
type place struct {
	conditional, elsewhere, does layout.Kind // maps
	zone, when                   layout.Kind // chains
	refuses                      bool        // this is the hook forward: reject or let pass
	chooses                      bool        // uplinks are chosen here, and nothing else happens
}

var (
	whereTranslated = place{layout.Conditional, layout.Elsewhere, layout.Does, layout.ChainZone, layout.ChainWhen, false, false}
	whereChosen     = place{zone: layout.ChainWayZone, when: layout.ChainWayWhen, chooses: true}
	whereRefused    = place{layout.RefuseConditional, layout.RefuseElsewhere, layout.RefuseDoes, layout.ChainRefuseZone, layout.ChainRefuseWhen, true, false}
)

// conditional enters the zones with conditions. owned is what plain zones own.
func (b *builder) conditional(owned []inet.Owned, p place) {
	zones := b.policy.Zones
	inside := make([][]inet.Range, len(zones))
	outside := make([][]inet.Range, len(zones))
	found := false
	for i := range zones {
		z := &zones[i]
		if !z.Conditional() {
			continue
		}
		found = true
		inside[i] = inet.Subtract(z.From, ownedBefore(owned, i))
		if len(z.OIf) > 0 && len(b.policy.Gateway.Uplinks) > 0 {
			outside[i] = z.From
		}
	}
	if !found {
		return
	}
	if !p.refuses {
		b.enterConditions()
	}
	b.arrange(inside, p, p.conditional)
	b.arrange(outside, p, p.elsewhere)
}

// enterConditions enters the zones with conditions in order, with those conditions that only
// rules hold, so that a table that was read back tells them.
func (b *builder) enterConditions() {
	s := b.set(layout.Conditions.Name())
	for i := range b.policy.Zones {
		z := &b.policy.Zones[i]
		if !z.Conditional() {
			continue
		}
		var words []string
		if len(z.IIf) > 0 || len(z.OIf) > 0 {
			words = append(words, layout.Interfaces)
		}
		if slices.ContainsFunc(z.IIf, isPattern) {
			words = append(words, layout.IIfPattern)
		}
		for _, p := range z.Ports {
			if word := p.String(); p.Ports.IsZero() && !slices.Contains(words, word) {
				words = append(words, word)
			}
		}
		comment := owner(z.Name, strings.Join(append(words, patternWords(z.OIf)...), " "))
		if len(comment) > layout.MostComment {
			comment = owner(z.Name, strings.Join(append(words, layout.OIfPatterns), " "))
		}
		s.Elements = append(s.Elements, nft.Element{Key: b.wire.Slot(len(s.Elements)).Take(), Comment: comment})
	}
}

// isPattern tells whether a name of interfaces means all that begin so.
func isPattern(name string) bool { return strings.HasSuffix(name, "*") }

// patternWords returns a word for each pattern among interfaces on the way out.
func patternWords(names []string) (words []string) {
	for _, n := range names {
		if word := layout.OIfPattern + n; isPattern(n) && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// ownedBefore returns what plain zones before the i-th own.
func ownedBefore(owned []inet.Owned, i int) []inet.Range {
	var out []inet.Range
	for _, o := range owned {
		if o.Owner < i {
			out = append(out, o.Range)
		}
	}
	return out
}

func (b *builder) arrange(lists [][]inet.Range, p place, kind layout.Kind) {
	for _, s := range inet.Arrange(lists) {
		f := s.Range.Family()
		m := b.set(kind.Of(f))
		b.interval(m, s.Range, nft.Element{Verdict: jumpChain(b.when(s.Owners, p)), Comment: b.policy.Zones[s.Owners[0]].Name})
	}
}

// when returns the chain that tries some zones in order.
func (b *builder) when(owners []int, p place) layout.Name {
	names := make([]string, len(owners))
	for n, i := range owners {
		names[n] = b.policy.Zones[i].Name
		b.conditionalZone(&b.policy.Zones[i], p)
	}
	first := layout.Object{Of: layout.OfZone, Name: names[0]}
	if len(owners) == 1 {
		return layout.Name{Kind: p.zone, Object: first}
	}
	chain := layout.Name{Kind: p.when, Object: first, Variant: layout.Variant{Then: strings.Join(names[1:], "/")}}
	if text := chain.String(); len(text) > mostChainName {
		h := fnv.New64a()
		h.Write([]byte(text))
		chain.Variant.Then = fmt.Sprintf("%d-more-%x", len(names)-1, h.Sum64())
	}
	if b.chains[chain] == nil {
		for _, i := range owners {
			b.rule(chain, nft.Give{Verdict: jumpChain(p.zone.Own(0, b.policy.Zones[i].Name))})
		}
	}
	return chain
}

// mostChainName keeps the names of chains readable; the kernel takes 255 bytes.
const mostChainName = 100

// conditionalZone makes the chains of one zone with conditions.
func (b *builder) conditionalZone(z *policy.Zone, p place) {
	chain := p.zone.Own(0, z.Name)
	if b.chains[chain] != nil {
		return
	}
	does := chain
	does.Variant.Does = true
	b.chain(chain)
	for _, stmts := range b.conditions(z) {
		b.rule(chain, append(stmts, nft.Give{Verdict: gotoChain(does)})...)
	}
	if p.chooses {
		b.wayRules(z, does)
		return
	}
	b.extraRules(z, p, does)
	b.excludeRules(z, does)
	switch {
	case p.refuses == (z.Action == policy.Reject):
		for _, r := range inet.Merge(z.From) {
			b.zoneHelpers(z, r, z.Name)
		}
		b.zoneHelperRules(does, z.Name)
		b.zoneDoes(z, p, does)
	default: // decided in the other hook
		b.rule(does, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
	}
}

// conditions returns the statements of each rule that checks a zone's conditions: one for
// every combination of what takes a rule of its own.
func (b *builder) conditions(z *policy.Zone) [][]nft.Stmt {
	rules := [][]nft.Stmt{nil}
	and := func(alternatives []nft.Stmt) {
		if alternatives == nil {
			return
		}
		var out [][]nft.Stmt
		for _, r := range rules {
			for _, a := range alternatives {
				out = append(out, append(r[:len(r):len(r)], a))
			}
		}
		rules = out
	}
	and(b.interfaces(layout.IIf.Own(0, z.Name), z.IIf, func(n string) nft.Stmt { return nft.IIfIs{Name: n} }, func(s string) nft.Stmt { return nft.IIfIn{Set: s} }))
	and(b.interfaces(layout.OIf.Own(0, z.Name), z.OIf, func(n string) nft.Stmt { return nft.OIfIs{Name: n} }, func(s string) nft.Stmt { return nft.OIfIn{Set: s} }))
	and(b.portConditions(z))
	and(b.destinations(layout.To, z.Name, z.To))
	return rules
}

// interfaces matches names by a set, and each pattern with `*` by a rule.
func (b *builder) interfaces(set layout.Name, names []string, is, in func(string) nft.Stmt) []nft.Stmt {
	var out []nft.Stmt
	for _, n := range names {
		if isPattern(n) {
			out = append(out, is(n))
			continue
		}
		s := b.set(set)
		s.Elements = appendOnce(s.Elements, nft.Element{Key: b.wire.Ifname(n).Take()})
	}
	if b.has(set) {
		out = append([]nft.Stmt{in(set.String())}, out...)
	}
	return out
}

// portConditions matches destination ports by a set, and protocols without ports each by a rule.
func (b *builder) portConditions(z *policy.Zone) []nft.Stmt {
	var out []nft.Stmt
	byProto := make(map[inet.Proto][]inet.PortRange)
	for _, p := range z.Ports {
		if p.Ports.IsZero() {
			if s := (nft.L4Is{Protos: []inet.Proto{p.Proto}}); len(byProto[p.Proto]) == 0 {
				out = append(out, s)
				byProto[p.Proto] = []inet.PortRange{{}}
			}
			continue
		}
		byProto[p.Proto] = append(byProto[p.Proto], p.Ports)
	}
	name := layout.Ports.Own(0, z.Name)
	for _, proto := range transports {
		for _, r := range mergePorts(byProto[proto]) {
			s := b.set(name)
			s.Elements = appendOnce(s.Elements, nft.Element{Key: b.wire.Proto(proto).Port(r.First).Take(), KeyEnd: b.wire.Proto(proto).Port(r.Last).Take()})
		}
	}
	if b.has(name) {
		out = append(out, nft.InSet{Key: []nft.Field{nft.F(nft.L4Proto), nft.F(nft.Dport)}, Set: name.String()})
	}
	return out
}

func appendOnce(es []nft.Element, e nft.Element) []nft.Element {
	for _, x := range es {
		if x == e {
			return es
		}
	}
	return append(es, e)
}

// mergePorts returns the ranges sorted, overlapping and adjacent ones joined.
func mergePorts(rs []inet.PortRange) []inet.PortRange {
	var has [65537]bool
	for _, r := range rs {
		for p := int(r.First); p <= int(r.Last); p++ {
			has[p] = true
		}
	}
	var out []inet.PortRange
	for p := 0; p < 65536; p++ {
		if !has[p] {
			continue
		}
		first := p
		for has[p+1] {
			p++
		}
		out = append(out, inet.PortRange{First: uint16(first), Last: uint16(p)})
	}
	return out
}

// destinations matches destination addresses by a set for each family.
func (b *builder) destinations(kind layout.Kind, zone string, ranges []inet.Range) []nft.Stmt {
	var out []nft.Stmt
	for _, f := range inet.Families {
		list := inet.Merge(inet.Of(f, ranges))
		if len(list) == 0 {
			continue
		}
		name := kind.Own(f, zone)
		if !b.has(name) {
			s := b.set(name)
			for _, r := range list {
				b.interval(s, r, nft.Element{})
			}
		}
		out = append(out, nft.InSet{Key: []nft.Field{fieldsOf(f).daddr}, Set: name.String()})
	}
	return out
}

// excludeRules lets what a zone excludes pass.
func (b *builder) excludeRules(z *policy.Zone, chain layout.Name) {
	for _, s := range b.destinations(layout.Exclude, z.Name, z.Exclude) {
		b.rule(chain, s, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
	}
}

// zoneDoes writes what a conditional zone does to a connection. Its verdicts are in a map of
// its own, whose elements count and bear its name; its translations in maps like those of
// plain zones.
func (b *builder) zoneDoes(z *policy.Zone, p place, chain layout.Name) {
	if z.UplinkLaddrs != nil {
		for _, r := range inet.Merge(z.From) {
			b.snatBy(z, r, z.Name)
		}
		b.ownUplinkRules(z, chain)
		return
	}
	for _, r := range inet.Merge(z.From) {
		if z.Action == policy.Snat && z.Laddrs != nil && len(b.ranges(z.Laddrs, r.Family())) == 0 {
			continue // its `to` holds no destination of that family
		}
		pool := ""
		v := b.verdictOf(z)
		if z.Action == policy.Snat {
			if v = b.snat(z, r, z.Name); v == (nft.Verdict{}) {
				continue
			}
			pool = z.Laddrs.Name
		}
		f := r.Family()
		m := b.set(p.does.Own(f, z.Name))
		b.interval(m, r, nft.Element{Verdict: v, Comment: owner(z.Name, pool)})
	}
	for _, f := range inet.Families {
		if m := p.does.Own(f, z.Name); b.has(m) {
			b.rule(chain, nft.Vmap{Key: []nft.Field{fieldsOf(f).saddr}, Map: m.String()})
		}
	}
	b.translate(chain, z.Name, "")
}

// verdictOf returns the verdict of an action that translates by no map.
func (b *builder) verdictOf(z *policy.Zone) nft.Verdict {
	switch z.Action {
	case policy.Masquerade:
		return gotoChain(layout.ChainMasquerade.Name())
	case policy.Drop:
		return nft.Verdict{Kind: nft.Drop}
	case policy.Reject:
		return gotoChain(layout.ChainRefused.Name())
	}
	return nft.Verdict{Kind: nft.Accept}
}
