package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// The second chance: while another node drains, packets to VIPs that belong to no connection here go to it, by
// a mark, an ip rule and a routing table (ADR 25). Conntrack calls them invalid, since it may not pick up TCP
// connections in the middle (net.netfilter.nf_conntrack_tcp_loose is 0). The chain is behind conntrack and
// before routing:
//
//	chance4: 203.0.113.10
//	chance-mark: 0xe5000000 comment "gw3"
//	chance: ct state invalid ip daddr @chance4 meta mark set meta mark & 0x00ffffff | 0xe5000000
//	forward: meta mark & 0xff000000 @chance-mark accept    (before gateway.invalid drops them)

// chances enters the VIPs, each with the node that drains, and services whose packets stay: what returns the
// cookie of a SYN proxy belongs to no connection, too.
func (b *builder) chances() {
	p := b.policy
	for _, f := range inet.Families {
		vips := p.ChanceVIPs(f)
		if len(vips) == 0 {
			continue
		}
		if node := layout.ChanceMark.Name(); !b.has(node) {
			s := b.set(node)
			s.Elements = append(s.Elements, nft.Element{Key: b.wire.Mark(policy.ChanceMark).Take(), Comment: p.SecondChance().Name})
		}
		s := b.set(layout.Chance.Of(f))
		for _, vip := range vips {
			s.Elements = append(s.Elements, nft.Element{Key: b.wire.Addr(vip).Take()})
		}
		for i := range p.Services {
			if s := &p.Services[i]; s.SynProxy.On {
				frontsOf(s, f, func(e endpoint, ports inet.PortRange) { b.enterFront(layout.NoChance, s, f, e, ports, nft.Verdict{}) })
			}
		}
	}
}

// chanceRules marks the packets, and lets them pass.
func (b *builder) chanceRules() {
	if !b.holds(layout.Chance) {
		return
	}
	chain := layout.ChainChance.Name()
	b.hook(chain, nft.Hook{Type: "filter", Point: nft.Prerouting, Priority: priorityMark})
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			if set := layout.NoChance.For(f, kind); b.has(set) {
				b.rule(chain, append(ofKind(f, kind), nft.CtInvalid{}, nft.InSet{Key: calledKey(f, kind), Set: set.String()}, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})...)
			}
		}
	}
	mark := nft.SetMark{Of: nft.PacketMark, Keep: ^uint32(policy.UplinkBits), Value: policy.ChanceMark}
	for _, f := range inet.Families {
		if s := layout.Chance.Of(f); b.has(s) {
			b.rule(chain, nft.CtInvalid{}, nft.InSet{Key: []nft.Field{fieldsOf(f).daddr}, Set: s.String()}, mark)
		}
	}
	if b.policy.Gateway.Invalid == policy.Drop {
		b.before(layout.ChainForward.Name(), func() {
			b.rule(layout.ChainForward.Name(), nft.InSet{Key: []nft.Field{{Kind: nft.PacketMark, And: policy.UplinkBits}}, Set: layout.ChanceMark.String()},
				nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}})
		})
	}
}
