package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Services by mark are found by the mark of a connection's first packet. Nothing in a flow's tuples tells
// later which service that was, so the flow gets the mark, too (ADR 23):
//
//	services4/mark: 0x00000007 : goto marked4/7
//	chain marked4/7: ct mark set ct mark & 0xff000007 | 0x00000007
//	                 meta mark & 0x00ffffff vmap @aftermark4
//	aftermark4: 0x00000007 : goto rr4-2-145/mark
//
// Behind that chain they go the way of all others, by keys that hold the mark in place of VIP, protocol and
// port. What comes after routing asks for the flow's mark: others may have changed the packet's by then, as
// they do for traffic control.

// packetMark and flowMark are the bits of marks that services look at.
var (
	packetMark = nft.Field{Kind: nft.PacketMark, And: policy.MaxMark}
	flowMark   = nft.Field{Kind: nft.FlowMark, And: policy.MaxMark}
)

// markStage gives the flow the mark of its service.
type markStage struct {
	service *policy.Service
	next    nft.Verdict
}

// mark puts the flow's mark before the scheduler.
func (sc *schedule) mark(b *builder, s *policy.Service) {
	if !s.ByMark() {
		return
	}
	next := layout.AfterMark.Of(sc.family)
	b.set(next)
	chain := layout.Name{Kind: layout.ChainMarked, Family: sc.family, Variant: layout.Variant{Mark: int(s.Mark)}}
	if b.chains[chain] == nil {
		b.rule(chain, nft.SetMark{Of: nft.FlowMark, Keep: ^uint32(policy.MaxMark), Value: s.Mark})
		b.rule(chain, nft.Vmap{Key: []nft.Field{packetMark}, Map: next.String()})
	}
	b.enterMark(s, sc.family)
	sc.stages = append(sc.stages, markStage{s, sc.verdict})
	sc.verdict = gotoChain(chain)
}

func (st markStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	key, _ := b.serviceKeys(e, sc.kind, ports)
	m := b.set(layout.AfterMark.Of(sc.family))
	m.Elements = append(m.Elements, nft.Element{Key: key, Verdict: st.next, Comment: st.service.Name})
}

// enterMark enters the mark of a service, which has a real server, where postrouting and forward look whether a
// service sent a connection on.
func (b *builder) enterMark(s *policy.Service, f inet.Family) {
	m := b.set(layout.Marks.Of(f))
	m.Elements = append(m.Elements, nft.Element{Key: b.wire.Mark(s.Mark).Take(), Comment: s.Name})
}

// marked gives a verdict to connections that a service by mark sent on. That the destination was translated is
// not asked: one that called a real server itself may have been sent to it.
func (b *builder) marked(chain layout.Name, cond []nft.Stmt, v nft.Verdict) {
	for _, f := range inet.Families {
		if set := layout.Marks.Of(f); b.has(set) {
			stmts := append(cond[:len(cond):len(cond)], ofKind(f, layout.ByMark)...)
			b.rule(chain, append(stmts, nft.InSet{Key: []nft.Field{flowMark}, Set: set.String()}, nft.Give{Verdict: v})...)
		}
	}
}

// frontsOf calls do for every place where a service takes connections of a family.
func frontsOf(s *policy.Service, f inet.Family, do func(e endpoint, ports inet.PortRange)) {
	if s.ByMark() {
		if s.Called(f) {
			do(endpoint{mark: s.Mark}, inet.AnyPort)
		}
		return
	}
	for _, vip := range s.VIP {
		if inet.FamilyOf(vip) != f {
			continue
		}
		for _, p := range s.Ports {
			do(endpoint{vip: vip, proto: p.Proto}, p.Ports)
		}
	}
}

// calledKey returns the fields by which services of some kind are looked up: what the packet calls, or its
// mark.
func calledKey(f inet.Family, kind layout.PortKind) []nft.Field {
	if kind == layout.ByMark {
		return []nft.Field{packetMark}
	}
	return portKey(kind, fieldsOf(f).daddr, nft.F(nft.Dport))
}

// flowKey returns the same of the flow: what its first packet called.
func flowKey(f inet.Family, kind layout.PortKind) []nft.Field {
	if kind == layout.ByMark {
		return []nft.Field{flowMark}
	}
	return portKey(kind, fieldsOf(f).ctDaddr, nft.F(nft.CtDport))
}

// withSource adds the source to a key, in the order of layout.SourceKey.
func withSource(f inet.Family, kind layout.PortKind, key []nft.Field) []nft.Field {
	if kind == layout.ByMark {
		return append(key, fieldsOf(f).saddr)
	}
	return append([]nft.Field{fieldsOf(f).saddr}, key...)
}

// ofKind matches what a lookup by a key of some kind is meant for. A mark says nothing of family and
// protocol, while all other keys hold them.
func ofKind(f inet.Family, kind layout.PortKind) []nft.Stmt {
	if kind == layout.ByMark {
		return []nft.Stmt{nft.FamilyIs{Family: f}, nft.L4Is{Protos: transports}}
	}
	return nil
}

// sentOf matches what a lookup by the flow's key is meant for, which has ports in all kinds.
func sentOf(f inet.Family, kind layout.PortKind) []nft.Stmt {
	if kind == layout.ByMark {
		return ofKind(f, kind)
	}
	return []nft.Stmt{nft.L4Is{Protos: transports}}
}

// sourceKeys returns key and end of an element that holds sources that call a service.
func (b *builder) sourceKeys(set *nft.Set, e endpoint, kind layout.PortKind, ports inet.PortRange, sources inet.Range) (key, end string) {
	if kind == layout.ByMark {
		front := b.wire.Mark(e.mark).Take()
		if set.Interval {
			front = b.wire.MarkBig(e.mark).Take()
		}
		key, end = front+b.wire.Addr(sources.From).Take(), front+b.wire.Addr(sources.To).Take()
	} else {
		first, _ := b.serviceKeys(e, kind, inet.PortRange{First: ports.First, Last: ports.First})
		last, _ := b.serviceKeys(e, kind, inet.PortRange{First: ports.Last, Last: ports.Last})
		key, end = b.wire.Addr(sources.From).Take()+first, b.wire.Addr(sources.To).Take()+last
	}
	if !set.Interval {
		return key, ""
	}
	return key, end
}
