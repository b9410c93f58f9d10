package compiler

import (
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Swap is one service's fragment and what takes its place.
type Swap struct{ Was, Is Fragment }

// Transition is what becomes of a table when some of its services change.
type Transition struct {
	Live, Want *nft.Ruleset // the table before and after, but for elements that stay as they are

	o       *Outline
	uses    map[layout.Name]use // what changes
	refuses int
	shape   *nft.Ruleset
}

// Change tells what becomes of the table when services change. The outline stays as it is until
// the transition is Done. nft.Diff of Live and Want is what there is to do; their rules have no
// handles, and a chain whose rules change has all of them replaced.
func (o *Outline) Change(swaps []Swap) (*Transition, policy.Diagnostics) {
	t := &Transition{o: o, uses: make(map[layout.Name]use), refuses: o.refuses, shape: o.shape}
	for _, s := range swaps {
		t.refuses += s.Was.count(t.uses, -1) + s.Is.count(t.uses, 1)
	}
	table := o.a.policy.Gateway.Table
	t.Live, t.Want = &nft.Ruleset{Table: table, Comment: layout.TableComment}, &nft.Ruleset{Table: table, Comment: layout.TableComment}
	reshaped, chains := (t.refuses == 0) != (o.refuses == 0), 0
	for name, u := range t.uses {
		was := o.uses[name]
		if was.chain != nil {
			u.chain = was.chain
		}
		u.n += was.n
		t.uses[name] = u
		if (u.n == 0) == (was.n == 0) {
			continue
		}
		reshaped = reshaped || o.shapes(name)
		t.shape = nil
		switch {
		case u.chain == nil:
		case u.n > 0:
			t.Want.Chains = append(t.Want.Chains, u.chain)
			chains++
		default:
			t.Live.Chains = append(t.Live.Chains, u.chain)
		}
	}
	byName := func(a, b *nft.Chain) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(t.Live.Chains, byName)
	slices.SortFunc(t.Want.Chains, byName)
	if reshaped || len(o.uses)+len(o.lasting.chains)+chains > layout.MaxChains-baseChains {
		if ds := t.reshape(); ds.Err() != nil {
			return nil, ds
		}
	}
	was, is := make([]Fragment, len(swaps)), make([]Fragment, len(swaps))
	for i, s := range swaps {
		was[i], is[i] = s.Was, s.Is
	}
	live := make(map[layout.Name]use, len(t.uses))
	for name := range t.uses {
		live[name] = o.uses[name]
	}
	fill(t.Live, was, live)
	fill(t.Want, is, t.uses)
	return t, nil
}

// baseChains is more than a table has chains that no service asks for by itself, zones apart.
const baseChains = 64

// reshape finds all chains and sets before and after, since rules change that services share.
func (t *Transition) reshape() (ds policy.Diagnostics) {
	all := maps.Clone(t.o.uses)
	maps.Copy(all, t.uses)
	if t.o.shape == nil {
		if t.o.shape, ds = t.o.rules(t.o.uses, t.o.refuses); ds.Err() != nil {
			return ds
		}
	}
	if t.shape, ds = t.o.rules(all, t.refuses); ds.Err() != nil {
		return ds
	}
	t.Live.Sets, t.Live.Chains = slices.Clone(t.o.shape.Sets), t.o.shape.Chains
	t.Want.Sets, t.Want.Chains = slices.Clone(t.shape.Sets), t.shape.Chains
	return nil
}

// fill enters the elements of fragments into a ruleset, and the sets that it lacks.
func fill(r *nft.Ruleset, fragments []Fragment, uses map[layout.Name]use) {
	at := make(map[string]int, len(r.Sets))
	for i, s := range r.Sets {
		at[s.Name] = i
	}
	own := make(map[layout.Name]*nft.Set)
	for name, u := range uses {
		if u.set == nil || u.n == 0 {
			continue
		}
		s := *u.set
		own[name] = &s
		if i, ok := at[s.Name]; ok {
			r.Sets[i] = &s
		} else {
			r.Sets = append(r.Sets, &s)
		}
	}
	for _, f := range fragments {
		for name, s := range f.sets {
			if to := own[name]; to != nil {
				to.Elements = append(to.Elements, s.Elements...)
			}
		}
	}
	slices.SortStableFunc(r.Sets, func(a, b *nft.Set) int { return strings.Compare(a.Name, b.Name) })
}

// Done says that the transition was carried out.
func (t *Transition) Done() {
	for name, u := range t.uses {
		if u.n == 0 {
			delete(t.o.uses, name)
			continue
		}
		t.o.uses[name] = u
	}
	t.o.refuses, t.o.shape = t.refuses, t.shape
}
