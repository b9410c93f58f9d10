package compiler

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

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
