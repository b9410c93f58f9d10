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
		v := nft.Verdict{Kind: nft.Accept}
		if byMark {
			v = gotoChain(layout.ChainByMark.Name())
		}
		b.marked(layout.ChainPostrouting.Name(), nil, v)
	}
	if fullNAT {
		b.chain(layout.ChainFullNAT.Name())
	}
	if byMark {
		b.chain(layout.ChainByMark.Name())
	}
	if fullNAT || byMark {
		b.byFlow(layout.TimedServices)
		b.byFlow(layout.Remember)
		b.countServers()
		b.hairpinRules()
		b.fullNATRules()
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
	b.chanceRules()
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

// byFlow looks what a service sent on up in the maps of a kind, by what the flow's first packet called.
func (b *builder) byFlow(kind layout.Kind) {
	for _, ports := range layout.PortKinds {
		for _, f := range inet.Families {
			if m := kind.For(f, ports); b.has(m) {
				b.rule(sentTo(ports), append(sentOf(f, ports), nft.Vmap{Key: flowKey(f, ports), Map: m.String()})...)
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

// inboundRules sends on what calls a mapped address.
func (b *builder) inboundRules() {
	for _, f := range inet.Families {
		if m := b.sets[layout.Inbound.Of(f)]; m != nil {
			b.rule(layout.ChainServices.Name(), nft.NAT{Key: []nft.Field{fieldsOf(f).daddr}, Map: m.Name, Data: m.Data, Prefix: true})
		}
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
