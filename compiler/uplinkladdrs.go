package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Zones with laddrs per uplink. By which interface a connection leaves is known in postrouting, so its
// laddr follows from that alone, whatever chose it. Each uplink has maps and a chain of its own:
//
//	leaving: "wan0" : jump out/isp1
//	out/isp1: snat ip to ip saddr map @zones4/via-isp1
//
// A zone with conditions has its maps by itself, as ever. What has no laddr is dropped.

// snatBy enters how a range of the sources of a zone with laddrs per uplink is translated.
func (b *builder) snatBy(z *policy.Zone, r inet.Range, own string) {
	f := r.Family()
	for _, l := range z.UplinkLaddrs {
		if l.Laddrs == nil || len(b.ranges(l.Laddrs, f)) == 0 {
			continue
		}
		if v := b.snatFrom(z, l.Laddrs, r, own, l.Uplink); v != (nft.Verdict{}) {
			b.interval(b.set(verdictMap(f, own, l.Uplink)), r, nft.Element{Verdict: v, Comment: owner(z.Name, l.Laddrs.Name)})
		}
	}
	if own == "" {
		b.interval(b.set(layout.Laddrless.Of(f)), r, nft.Element{Verdict: nft.Verdict{Kind: nft.Drop}, Comment: z.Name})
	}
}

// verdictMap names the map of what pools with a chain of their own give to connections by an uplink.
func verdictMap(f inet.Family, own, via string) layout.Name {
	n := layout.Actions.Of(f)
	if own != "" {
		n = layout.Does.Own(f, own)
	}
	n.Variant.Via = via
	return n
}

// byUplink gives connections that leave by an uplink laddrs, by the maps of zones without conditions or by
// a zone's own.
func (b *builder) byUplink(chain layout.Name, own, via string, cond ...nft.Stmt) {
	b.translate(chain, own, via, cond...)
	for _, f := range inet.Families {
		if m := verdictMap(f, own, via); b.has(m) {
			b.rule(chain, append(cond[:len(cond):len(cond)], nft.Vmap{Key: []nft.Field{fieldsOf(f).saddr}, Map: m.String()})...)
		}
	}
}

// leavingRules writes the chains of uplinks in which zones without conditions have laddrs.
func (b *builder) leavingRules() {
	if !b.holds(layout.Laddrless) {
		return
	}
	for i := range b.policy.Gateway.Routed {
		u := &b.policy.Gateway.Routed[i]
		chain := uplinkChain(layout.ChainOut, u.Name)
		b.chain(chain)
		b.byUplink(chain, "", u.Name)
		m := b.set(layout.Leaving.Name())
		m.Elements = append(m.Elements, nft.Element{Key: b.wire.Ifname(u.Interface).Take(), Verdict: jumpChain(chain)})
	}
	b.rule(layout.ChainZones.Name(), nft.Vmap{Key: []nft.Field{nft.F(nft.OIfName)}, Map: layout.Leaving.Name().String()})
	b.bySource(layout.ChainZones.Name(), layout.Laddrless)
}

// ownUplinkRules ends the chain of a zone with conditions that has laddrs per uplink.
func (b *builder) ownUplinkRules(z *policy.Zone, chain layout.Name) {
	for _, l := range z.UplinkLaddrs {
		if u := b.policy.Gateway.Uplink(l.Uplink); u != nil {
			b.byUplink(chain, z.Name, u.Name, nft.OIfIs{Name: u.Interface})
		}
	}
	b.rule(chain, nft.Give{Verdict: nft.Verdict{Kind: nft.Drop}})
}
