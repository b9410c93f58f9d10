package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// The sets of hairpin callers hold who gets the address of the interface that it leaves through
// when it calls a NAT service, by what it called:
//
//	hairpin4: 192.168.1.1 . 203.0.113.10 . tcp . 80 comment "web"
//
// Single callers, as real servers are, are in a hash table. Keys that hold a range, of callers
// ("/prefix") or of ports ("/range"), need a set of ranges, which is slower to search and change.

// hairpin enters the callers of one VIP, protocol and port. As with laddrs, ports that other
// services took out of a range must not be found.
func (b *builder) hairpin(s *policy.Service, callers []inet.Range, e endpoint, ports inet.PortRange) {
	for _, piece := range b.left(e, ports) {
		kind := e.kindOfPorts(piece)
		for _, r := range callers {
			set := b.set(hairpinName(r.Family(), kind, !r.Single() && kind != layout.PortRanges))
			key, end := b.sourceKeys(set, e, kind, piece, r)
			set.Elements = append(set.Elements, nft.Element{Key: key, KeyEnd: end, Comment: s.Name})
		}
	}
}

func hairpinName(f inet.Family, kind layout.PortKind, prefix bool) layout.Name {
	return layout.Name{Kind: layout.Hairpin, Family: f, Variant: layout.Variant{Ports: kind, Prefix: prefix}}
}

// hairpinRules give such callers the address of the interface that they leave through, where the
// real server answers to.
func (b *builder) hairpinRules() {
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			for _, prefix := range []bool{false, true} {
				if set := hairpinName(f, kind, prefix); b.has(set) {
					key := withSource(f, kind, flowKey(f, kind))
					b.rule(sentTo(kind), nft.L4Is{Protos: transports}, nft.InSet{Key: key, Set: set.String()}, nft.Masq{})
				}
			}
		}
	}
}
