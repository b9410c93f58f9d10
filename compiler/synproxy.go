package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// A SYN proxy stands in front of conntrack. What opens a connection to a service that has one passes
// conntrack by (chain unproven), and is answered with a cookie where it would go on to: in input, if
// the host has the VIP, else in forward. The segment that returns the cookie belongs to no
// connection either, so conntrack calls it invalid: it may not pick it up
// (net.netfilter.nf_conntrack_tcp_loose is 0). Then the proxy opens the connection to the VIP in the
// client's name, which is the first that conntrack, the chain output and all behind it see of it:
//
//	proxied4: 203.0.113.10 . tcp . 80 comment "web"
//	handshakes4: 203.0.113.10 . tcp . 80 comment "web" : goto syn-proxy/1460-7-timestamp-sack

// priorityRaw is in front of conntrack (include/uapi/linux/netfilter_ipv4.h, NF_IP_PRI_RAW).
const priorityRaw = -300

// answer enters one VIP and ports of a service with a SYN proxy. As with laddrs, ports that other
// services took out of a range must not be found.
//
// A family without real servers is not entered: who refuses (on_empty) must meet the client's own
// segment, since a reset of the proxy's would not fit the connection that the client has by then.
func (b *builder) answer(s *policy.Service, f inet.Family, e endpoint, ports inet.PortRange) {
	chain := synProxyChain(s, f)
	for _, piece := range b.left(e, ports) {
		kind := e.kindOfPorts(piece)
		key, end := b.serviceKeys(e, kind, piece)
		proxied, handshakes := b.set(layout.Proxied.For(f, kind)), b.set(layout.Handshakes.For(f, kind))
		proxied.Elements = append(proxied.Elements, nft.Element{Key: key, KeyEnd: end, Comment: s.Name})
		handshakes.Elements = append(handshakes.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: gotoChain(chain), Comment: s.Name})
	}
}

// synProxy makes the chain that answers a family of a service. It stays whatever the State: with the
// last one the kernel would forget how to translate the timestamps of connections that live
// (nf_synproxy_ipv4_fini).
func (b *builder) synProxy(s *policy.Service, f inet.Family) {
	if !s.SynProxy.On || !s.Called(f) {
		return
	}
	chain := synProxyChain(s, f)
	if b.chains[chain] == nil {
		b.rule(chain, synProxyRule(chain).Stmts...)
	}
}

// synProxyRule returns the one rule of a chain that answers.
func synProxyRule(chain layout.Name) nft.Rule {
	o := chain.Variant.Offer
	return nft.Rule{Stmts: []nft.Stmt{nft.AnswerSyn{Offer: nft.Handshake{MSS: o.MSS, WScale: o.WScale, Timestamp: o.Timestamp, SackPerm: o.Sack}}}}
}

func synProxyChain(s *policy.Service, f inet.Family) layout.Name {
	o := s.SynProxy.Offers(f)
	chain := layout.ChainSynProxy.Name()
	chain.Variant.Offer = layout.Offer{MSS: uint16(o.MSS), WScale: uint8(o.WScale), Timestamp: o.Timestamp, Sack: o.Sack}
	return chain
}

// synProxyRules are in front of all others: what belongs to no connection would be dropped toward
// uplinks (gateway.invalid), and a VIP that the host does not have may lead there.
func (b *builder) synProxyRules() {
	if !b.holds(layout.Proxied) {
		return
	}
	unproven, stray := layout.ChainUnproven.Name(), layout.ChainStray.Name()
	b.hook(unproven, nft.Hook{Type: "filter", Point: nft.Prerouting, Priority: priorityRaw})
	for _, kind := range layout.PortKinds {
		for _, f := range inet.Families {
			key := calledKey(f, kind)
			if set := layout.Proxied.For(f, kind); b.has(set) {
				b.rule(unproven, nft.TCPSyn{}, nft.InSet{Key: key, Set: set.String()}, nft.NoTrack{})
			}
			if m := layout.Handshakes.For(f, kind); b.has(m) {
				b.rule(stray, nft.Vmap{Key: key, Map: m.String()})
			}
		}
	}
	for chain, point := range map[layout.Kind]nft.Point{layout.ChainInput: nft.Input, layout.ChainForward: nft.Forward} {
		b.hook(chain.Name(), nft.Hook{Type: "filter", Point: point, Priority: 0})
		b.before(chain.Name(), func() {
			b.rule(chain.Name(), nft.CtStray{}, nft.Give{Verdict: jumpChain(stray)})
		})
	}
}
