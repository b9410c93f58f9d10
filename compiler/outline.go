package compiler

import (
	"maps"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Outline is a policy's table as far as services share it: which sets and chains there are, how
// many services need each, and what the rules are. It has no elements of services. With it services
// change, one or many, while the others are neither compiled nor read.
type Outline struct {
	a       *Arrangement
	lasting Fragment            // of zones, VIPs and laddrs: no state changes it
	uses    map[layout.Name]use // of what services share
	refuses int                 // how many of them lead to the chain that rejects

	remembers bool // some service is persistent

	shape *nft.Ruleset // the table's sets and chains at present; nil: not known any more
}

// use is a set or chain and how many services need it.
type use struct {
	n     int
	set   *nft.Set // without elements; nil: it is a chain
	chain *nft.Chain
}

// Outline returns the outline of a policy's table. The policy may have a State; it is one that
// Compile takes.
func (a *Arrangement) Outline(p *policy.Policy) (*Outline, policy.Diagnostics) {
	b := newBuilder(a)
	for i := range p.Services {
		b.lasting(&p.Services[i])
	}
	refuses := 0
	for _, s := range b.sets {
		if leadsTo(s, layout.ChainRefused.String()) {
			refuses = 1 // limits that reject
		}
		s.Elements = nil // they stay as they are
	}
	b.besides(p)
	if b.diags.Err() != nil {
		return nil, b.diags
	}
	o := &Outline{a: a, lasting: b.fragment(), uses: make(map[layout.Name]use), refuses: refuses}
	o.remembers = anyPersistent(p.Services)
	for i := range p.Services {
		f, ds := a.Serving(&p.Services[i])
		if ds.Err() != nil {
			return nil, ds
		}
		o.refuses += f.count(o.uses, 1)
	}
	var ds policy.Diagnostics
	o.shape, ds = o.rules(o.uses, o.refuses)
	return o, ds
}

// count adds a fragment's sets and chains, times by, and returns what that adds to those that
// lead to the chain that rejects.
func (f Fragment) count(uses map[layout.Name]use, by int) (refuses int) {
	refused := layout.ChainRefused.String()
	for name, s := range f.sets {
		u := uses[name]
		if u.set == nil || by > 0 && u.set.Data != s.Data { // a table's, where others are called at ports of another kind
			own := *s
			own.Elements = nil
			u.set = &own
		}
		u.n += by
		uses[name] = u
		if refuses == 0 && leadsTo(s, refused) {
			refuses = by
		}
	}
	for name, c := range f.chains {
		u := uses[name]
		if u.chain == nil {
			u.chain = c
		}
		u.n += by
		uses[name] = u
	}
	return refuses
}

// leadsTo tells whether an element of a set leads to a chain.
func leadsTo(s *nft.Set, chain string) bool {
	return s.Data == nft.VerdictData && slices.ContainsFunc(s.Elements, func(e nft.Element) bool { return e.Verdict.Chain == chain })
}

// rules returns the table's sets, without elements, and its chains.
func (o *Outline) rules(uses map[layout.Name]use, refuses int) (*nft.Ruleset, policy.Diagnostics) {
	b := newBuilder(o.a)
	for name, s := range o.lasting.sets {
		b.sets[name] = s
	}
	maps.Copy(b.objects, o.lasting.objects)
	for name, c := range o.lasting.chains {
		b.chains[name] = &nft.Chain{Name: c.Name, Hook: c.Hook, Rules: slices.Clone(c.Rules)}
	}
	for name, u := range uses {
		switch {
		case u.n == 0:
		case u.set != nil:
			b.sets[name] = u.set
		case name.Kind == layout.ChainSchedule: // nothing is added to it
			b.chains[name] = u.chain
		default:
			b.chains[name] = &nft.Chain{Name: u.chain.Name, Rules: slices.Clone(u.chain.Rules)}
		}
	}
	if refuses > 0 {
		b.leads = map[string]bool{layout.ChainRefused.String(): true}
	}
	r, ds := b.finish()
	if r == nil {
		return nil, ds
	}
	for i, s := range r.Sets {
		own := *s
		own.Elements = nil
		r.Sets[i] = &own
	}
	return r, ds
}

// Has tells whether services share a set or map of that name.
func (o *Outline) Has(set string) bool {
	name, ok := layout.ParseSet(set)
	return ok && o.uses[name].n > 0
}

// shapes tells whether rules, but for those of the chain or map itself, depend on whether there is
// a chain or map of that name.
func (o *Outline) shapes(name layout.Name) bool {
	switch {
	case name.Kind == layout.ChainSchedule, name.Kind == layout.Table, name.Kind.HoldsSlots(), name.Kind == layout.AfterMark, name.Kind == layout.ChainMarked:
		return false
	case name.Kind == layout.Servers: // clients that are remembered are counted by it
		return o.remembers
	}
	return true
}
