package compiler

import (
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// hook makes a base chain. A hook that nothing needs has none: every new connection would
// pass through it.
func (b *builder) hook(chain layout.Name, h nft.Hook) { b.chain(chain).Hook = &h }

// Priorities of the NAT chains (include/uapi/linux/netfilter_ipv4.h: NF_IP_PRI_NAT_DST and _SRC).
const (
	priorityDNAT = -100
	prioritySNAT = 100
)

// rules writes the constant rules: one for each kind of map that the policy needs.
func (b *builder) rules() {
	b.uplinkRules()
	sendsOn := b.holds(layout.Services, layout.Inbound)
	fullNAT, byMark := b.followed()
	b.timeoutRules()
	b.segmentRules()
	if sendsOn {
		b.hook(layout.ChainPrerouting.Name(), nft.Hook{Type: "nat", Point: nft.Prerouting, Priority: priorityDNAT})
		b.hook(layout.ChainOutput.Name(), nft.Hook{Type: "nat", Point: nft.Output, Priority: priorityDNAT})
		toServices := nft.Give{Verdict: jumpChain(layout.ChainServices.Name())}
		b.rule(layout.ChainPrerouting.Name(), toServices)
		if b.meets {
			b.rule(layout.ChainOutput.Name(), checkRule()...)
		}
		b.rule(layout.ChainOutput.Name(), toServices)
		b.dispatch()
		b.inboundRules()
		b.guardRules()
		b.preparedRules()
	}
	if fullNAT || byMark || b.zonesDecide() {
		b.hook(layout.ChainPostrouting.Name(), nft.Hook{Type: "nat", Point: nft.Postrouting, Priority: prioritySNAT})
	}
	if fullNAT {
		b.chain(layout.ChainFullNAT.Name())
	}
	if byMark {
		b.chain(layout.ChainByMark.Name())
	}
	if fullNAT || byMark {
		b.serviceTimeoutRules()
		b.rememberRules()
		b.countServers()
		b.hairpinRules()
		b.fullNATRules()
	}
	if fullNAT || byMark || b.zonesDecide() {
		v := nft.Verdict{Kind: nft.Accept}
		if byMark {
			v = gotoChain(layout.ChainByMark.Name())
		}
		b.marked(layout.ChainPostrouting.Name(), nil, v)
	}
	switch passed := (nft.Verdict{Kind: nft.Accept}); {
	case b.zonesDecide() && fullNAT:
		b.sentOn(layout.ChainPostrouting.Name(), nil, gotoChain(layout.ChainFullNAT.Name()))
	case b.zonesDecide():
		b.sentOn(layout.ChainPostrouting.Name(), nil, passed)
	case fullNAT:
		b.rule(layout.ChainPostrouting.Name(), nft.CtStatus{Bit: nft.DNAT}, nft.Give{Verdict: gotoChain(layout.ChainFullNAT.Name())})
	}
	if b.zonesDecide() {
		b.rule(layout.ChainPostrouting.Name(), nft.FromSelf{}, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
		b.chain(layout.ChainZones.Name())
		b.towardUplinks(layout.ChainPostrouting.Name(), nil, gotoChain(layout.ChainZones.Name()))
		if b.holds(layout.Elsewhere) {
			b.rule(layout.ChainPostrouting.Name(), nft.Give{Verdict: gotoChain(layout.ChainElsewhere.Name())})
		}
		b.zoneRules()
		b.refuseRules()
	}
	if (sendsOn || fullNAT || byMark || b.zonesDecide()) && b.policy.Gateway.Invalid == policy.Drop {
		b.dropInvalid()
	}
	b.synProxyRules()
	if b.usesChain(layout.ChainMasquerade.Name()) {
		b.rule(layout.ChainMasquerade.Name(), nft.Masq{})
	}
	if b.usesChain(layout.ChainRefused.Name()) {
		b.rule(layout.ChainRefused.Name(), nft.L4Is{Protos: []inet.Proto{inet.TCP}}, nft.RejectTCPReset{})
		b.rule(layout.ChainRefused.Name(), nft.RejectPortUnreachable{})
	}
	b.track()
}

// track makes the kernel track connections where no other rule does. A chain of type nat is
// asked only about packets that are tracked, and does not switch tracking on by itself: the
// expressions `ct` and `masq` do for both families, `nat` for its own alone (nf_ct_netns_get;
// nf_nat_inet_fn lets untracked packets pass). A policy that only drops has none of them, and
// one may translate a family and only drop in the other.
func (b *builder) track() {
	for _, c := range b.chains {
		for _, r := range c.Rules {
			if slices.ContainsFunc(r.Stmts, tracks) {
				return
			}
		}
	}
	for _, name := range []layout.Name{layout.ChainPrerouting.Name(), layout.ChainPostrouting.Name()} {
		if c := b.chains[name]; c != nil {
			c.Rules = slices.Insert(c.Rules, 0, trackingRule())
			return
		}
	}
}

func trackingRule() nft.Rule {
	return nft.Rule{Stmts: []nft.Stmt{nft.CtNew{}}, Comment: "makes the kernel track connections"}
}

func tracks(s nft.Stmt) bool {
	switch s.(type) {
	case nft.CtNew, nft.CtInvalid, nft.CtStray, nft.CtStatus, nft.Masq:
		return true
	}
	return false
}

// followed tells whether anything more becomes of connections that services sent on, in postrouting: of
// those with a VIP, and of those by mark.
func (b *builder) followed() (byVIP, byMark bool) {
	for name := range b.sets {
		switch name.Kind {
		case layout.Laddrs, layout.LaddrsIn, layout.Remember, layout.Hairpin, layout.TimedServices:
			byMark = byMark || name.Variant.Ports == layout.ByMark
			byVIP = byVIP || name.Variant.Ports != layout.ByMark
		}
	}
	return byVIP, byMark
}

// sentTo is the chain where what a service sent on is looked up by a key of some kind.
func sentTo(kind layout.PortKind) layout.Name {
	if kind == layout.ByMark {
		return layout.ChainByMark.Name()
	}
	return layout.ChainFullNAT.Name()
}

// zonesDecide tells whether anything becomes of connections that no service sent on.
func (b *builder) zonesDecide() bool {
	return len(b.policy.Zones) > 0 || b.policy.Gateway.Unmatched != policy.Accept
}

// holds tells whether there is a map of one of some kinds, of any family and variant.
func (b *builder) holds(kinds ...layout.Kind) bool {
	for name := range b.sets {
		if slices.Contains(kinds, name.Kind) {
			return true
		}
	}
	return false
}

// sentOn gives a verdict to connections whose destination a service or a 1:1 map translated.
// What other tables redirect is no business of services: zones decide about it.
func (b *builder) sentOn(chain layout.Name, cond []nft.Stmt, v nft.Verdict) {
	for _, f := range inet.Families {
		for _, mapped := range []bool{false, true} {
			if set := (layout.Name{Kind: layout.VIPs, Family: f, Variant: layout.Variant{Mapped: mapped}}); b.has(set) {
				stmts := append(cond[:len(cond):len(cond)], nft.CtStatus{Bit: nft.DNAT}, nft.InSet{Key: []nft.Field{fieldsOf(f).ctDaddr}, Set: set.String()})
				b.rule(chain, append(stmts, nft.Give{Verdict: v})...)
			}
		}
	}
}

// dispatch looks up where a new connection to a VIP goes. The order of the kinds is that of
// precedence: an exact port wins over a range, a range over all ports.
func (b *builder) dispatch() {
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			if m := layout.Services.For(f, kind); b.has(m) {
				b.rule(layout.ChainServices.Name(), append(ofKind(f, kind), nft.Vmap{Key: calledKey(f, kind), Map: m.String()})...)
			}
		}
	}
}

// dropInvalid drops what leaves through an uplink and belongs to no connection. Chains of type
// nat never see such packets, so nothing else would translate or drop them: they would leave
// with the source that they have. The rule is the first in forward.
func (b *builder) dropInvalid() {
	b.hook(layout.ChainForward.Name(), nft.Hook{Type: "filter", Point: nft.Forward, Priority: 0})
	b.before(layout.ChainForward.Name(), func() {
		b.leaving(layout.ChainForward.Name(), []nft.Stmt{nft.CtInvalid{}}, nft.Counter{}, nft.Give{Verdict: nft.Verdict{Kind: nft.Drop}})
	})
}

// before puts the rules that f appends to a chain in front of those that it has.
func (b *builder) before(chain layout.Name, f func()) {
	c := b.chain(chain)
	others := c.Rules
	c.Rules = nil
	f()
	c.Rules = append(c.Rules, others...)
}

// towardUplinks sends what leaves through an uplink to a chain.
func (b *builder) towardUplinks(chain layout.Name, cond []nft.Stmt, v nft.Verdict) {
	b.leaving(chain, cond, nft.Give{Verdict: v})
}

// leaving does something with what leaves through an uplink; through any interface, where the
// policy names no uplinks.
func (b *builder) leaving(chain layout.Name, cond []nft.Stmt, does ...nft.Stmt) {
	named := false
	matches := []nft.Stmt{}
	for _, u := range b.policy.Gateway.Uplinks {
		if isPattern(u) {
			matches = append(matches, nft.OIfIs{Name: u})
		} else {
			named = true
		}
	}
	if named {
		b.uplinkNames()
		matches = append([]nft.Stmt{nft.OIfIn{Set: layout.Uplinks.Name().String()}}, matches...)
	}
	if len(matches) == 0 {
		b.rule(chain, append(cond[:len(cond):len(cond)], does...)...)
	}
	for _, m := range matches {
		b.rule(chain, append(append(cond[:len(cond):len(cond)], m), does...)...)
	}
}

// uplinkNames enters the names of uplinks, patterns left out.
func (b *builder) uplinkNames() {
	if b.has(layout.Uplinks.Name()) {
		return
	}
	set := b.set(layout.Uplinks.Name())
	for _, u := range b.policy.Gateway.Uplinks {
		if !isPattern(u) {
			set.Elements = append(set.Elements, nft.Element{Key: b.wire.Ifname(u).Take()})
		}
	}
}

// variantsOf lists the variants that translations come in, those that bind ports first.
func variantsOf(f func(t translation)) {
	for _, ports := range []bool{true, false} {
		for _, spread := range []bool{false, true} {
			for _, random := range []bool{false, true} {
				f(translation{ports: ports, spread: spread, random: random})
			}
		}
	}
}

func (t translation) nat(m *nft.Set, key []nft.Field) nft.NAT {
	return nft.NAT{Source: true, Key: key, Map: m.Name, Data: m.Data, Random: t.random, Persistent: !t.spread}
}

// rememberRules enters clients of persistent services with their real server.
func (b *builder) rememberRules() {
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			if m := layout.Remember.For(f, kind); b.has(m) {
				b.rule(sentTo(kind), append(sentOf(f, kind), nft.Vmap{Key: flowKey(f, kind), Map: m.String()})...)
			}
		}
	}
}

// fullNATRules gives connections that a FULLNAT service sent on a laddr of the service. All
// others that were sent on, those of NAT services above all, fall off the end of the chain
// and keep the client's address, unless a hairpin holds it.
func (b *builder) fullNATRules() {
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			key, match := flowKey(f, kind), sentOf(f, kind)
			variantsOf(func(t translation) {
				n := layout.Name{Kind: layout.Laddrs, Family: f, Variant: t.variant()}
				n.Variant.Ports = kind
				if m := b.sets[n]; m != nil {
					b.rule(sentTo(kind), append(match, t.nat(m, key))...)
				}
			})
			if m := layout.LaddrsIn.For(f, kind); b.has(m) {
				b.rule(sentTo(kind), append(match, nft.Vmap{Key: key, Map: m.String()})...)
			}
		}
	}
}

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

// inboundRules sends on what calls a mapped address.
func (b *builder) inboundRules() {
	for _, f := range inet.Families {
		if m := b.sets[layout.Inbound.Of(f)]; m != nil {
			b.rule(layout.ChainServices.Name(), nft.NAT{Key: []nft.Field{fieldsOf(f).daddr}, Map: m.Name, Data: m.Data, Prefix: true})
		}
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

// bySource looks the source up in a verdict map of each family that has one.
func (b *builder) bySource(chain layout.Name, kind layout.Kind) {
	for _, f := range inet.Families {
		if m := kind.Of(f); b.has(m) {
			b.rule(chain, nft.Vmap{Key: []nft.Field{fieldsOf(f).saddr}, Map: m.String()})
		}
	}
}

// usesChain tells whether an element or a rule leads to the chain.
func (b *builder) usesChain(name layout.Name) bool {
	chain := name.String()
	if b.leads[chain] {
		return true
	}
	for _, c := range b.chains {
		for _, r := range c.Rules {
			if slices.Contains(r.Stmts, nft.Stmt(nft.Give{Verdict: nft.GotoChain(chain)})) {
				return true
			}
		}
	}
	for _, s := range b.sets {
		if s.Data != nft.VerdictData {
			continue
		}
		for _, e := range s.Elements {
			if e.Verdict.Chain == chain {
				return true
			}
		}
	}
	return false
}
