package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// What a service wants set on its connections before they are translated: helpers, since translating
// makes room for what these need (nf_nat_setup_info). Such a service leads to the chain `prepared`.
// There each kind of it is looked up by what the client called, and then where the service goes on:
//
//	helpers4: 203.0.113.10 . tcp . 21 : jump helper/ftp
//	onward4: 203.0.113.10 . tcp . 21 : goto rr4-2-145

// prepareStage sets what the service wants on its connections, and sends them on.
type prepareStage struct {
	service *policy.Service
	next    nft.Verdict
}

// prepare puts what is set on connections before the stages that translate.
func (sc *schedule) prepare(b *builder, s *policy.Service) {
	if len(s.Helpers) == 0 {
		return
	}
	sc.stages = append(sc.stages, prepareStage{s, sc.verdict})
	sc.verdict = gotoChain(layout.ChainPrepared.Name())
	b.set(layout.Onward.For(sc.family, sc.kind))
}

func (p prepareStage) enter(b *builder, sc schedule, e endpoint, ports inet.PortRange) {
	m := b.set(layout.Onward.For(sc.family, sc.kind))
	key, end := b.serviceKeys(e, sc.kind, ports)
	m.Elements = append(m.Elements, nft.Element{Key: key, KeyEnd: end, Verdict: p.next, Comment: p.service.Name})
}

// preparedRules looks up what is set on a service's connections, and where they go on.
func (b *builder) preparedRules() {
	if !b.holds(layout.Onward) {
		return
	}
	b.byService(layout.ChainPrepared.Name(), layout.Helpers)
	b.byService(layout.ChainPrepared.Name(), layout.Onward)
}

// byService looks what the client called up in the maps of a kind.
func (b *builder) byService(chain layout.Name, kind layout.Kind) {
	for _, ports := range layout.PortKinds {
		for _, f := range inet.Families {
			if m := kind.For(f, ports); b.has(m) {
				b.rule(chain, nft.Vmap{Key: calledKey(f, ports), Map: m.String()})
			}
		}
	}
}
