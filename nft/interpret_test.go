package nft_test

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/nft"
)

// kernel carries out plans the way the kernel does, and refuses what it refuses: what is
// referred to cannot go, what does not exist cannot be referred to, nothing is made twice.
type kernel struct {
	table *nft.Ruleset // nil: none
}

func (k *kernel) apply(p nft.Plan) error {
	switch {
	case p.Whole == nft.Create && k.table != nil:
		return fmt.Errorf("table %s exists", p.Table())
	case p.Whole == nft.Create, p.Whole == nft.Replace && k.table != nil:
		k.table = &nft.Ruleset{Table: p.Table(), Comment: p.Want.Ruleset().Comment}
	case p.Whole == nft.Wake && k.table != nil:
		k.table.Dormant = false
	}
	if k.table == nil && len(p.Ops) > 0 {
		return fmt.Errorf("there is no table %s", p.Table())
	}
	for _, op := range changesApart(p.Ops) {
		if err := k.op(op); err != nil {
			return err
		}
	}
	return nil
}

// changesApart makes of each change what the kernel is told: a deletion ahead of all other
// operations, and an addition where the change stands.
func changesApart(ops []nft.Op) (out []nft.Op) {
	for _, op := range ops {
		if op.Mark == nft.Change {
			out = append(out, nft.Op{Mark: nft.Delete, Set: op.Set, Elements: op.Was})
		}
	}
	for _, op := range ops {
		if op.Mark == nft.Change {
			op.Mark, op.Was = nft.Add, nil
		}
		out = append(out, op)
	}
	return out
}

func (k *kernel) op(op nft.Op) error {
	switch {
	case op.Object != nil:
		return wrap(k.object(op), "%c object %s", op.Mark, op.Object.Ref())
	case op.Flowtable != nil:
		return wrap(k.flowtable(op), "%c flowtable %s", op.Mark, op.Flowtable)
	case op.Set != nil && op.Elements != nil:
		for _, e := range op.Elements {
			if err := k.element(op, e); err != nil {
				return fmt.Errorf("%c element %s of %s: %w", op.Mark, op.Set.ElementString(e), op.Set.Name, err)
			}
		}
		return nil
	case op.Set != nil:
		return wrap(k.set(op), "%c set %s", op.Mark, op.Set.Name)
	case op.Rules != nil:
		for _, r := range op.Rules {
			if err := k.rule(op, r); err != nil {
				return fmt.Errorf("%c rule %s of %s: %w", op.Mark, r, op.Chain.Name, err)
			}
		}
		return nil
	}
	return wrap(k.chain(op), "%c chain %s", op.Mark, op.Chain.Name)
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

func (k *kernel) set(op nft.Op) error {
	s := k.table.Set(op.Set.Name)
	if op.Mark == nft.Add {
		if s != nil {
			return fmt.Errorf("it exists")
		}
		fresh := *op.Set
		fresh.Elements = nil
		k.table.Sets = append(k.table.Sets, &fresh)
		return nil
	}
	switch {
	case s == nil:
		return fmt.Errorf("there is none")
	case len(s.Elements) > 0:
		return fmt.Errorf("it has elements")
	}
	for _, c := range k.table.Chains {
		for _, r := range c.Rules {
			if _, sets := refers(r); slices.Contains(sets, s.Name) {
				return fmt.Errorf("rule %s of chain %s uses it", r, c.Name)
			}
		}
	}
	k.table.Sets = slices.DeleteFunc(k.table.Sets, func(x *nft.Set) bool { return x == s })
	return nil
}

func (k *kernel) element(op nft.Op, e nft.Element) error {
	s := k.table.Set(op.Set.Name)
	if s == nil {
		return fmt.Errorf("there is no such set")
	}
	at := slices.IndexFunc(s.Elements, func(x nft.Element) bool { return x.Key == e.Key && x.KeyEnd == e.KeyEnd })
	if op.Mark == nft.Delete {
		if at < 0 {
			return fmt.Errorf("there is none")
		}
		s.Elements = slices.Delete(slices.Clone(s.Elements), at, at+1)
		return nil
	}
	switch {
	case at >= 0:
		return fmt.Errorf("it exists")
	case !s.Dynamic && s.Size > 0 && len(s.Elements) == int(s.Size):
		return fmt.Errorf("the set is full")
	}
	if s.Data == nft.ObjectData && k.table.Object(nft.Ref{Kind: s.Objects, Name: e.Data}) == nil {
		return fmt.Errorf("its object does not exist")
	}
	if e.Verdict.Chain != "" && k.table.Chain(e.Verdict.Chain) == nil {
		return fmt.Errorf("its chain does not exist")
	}
	if s.Interval && len(s.Key) == 1 {
		for _, x := range s.Elements {
			if x.Key <= e.KeyEnd && e.Key <= x.KeyEnd {
				return fmt.Errorf("it overlaps %s", s.ElementString(x))
			}
		}
	}
	s.Elements = append(s.Elements, e)
	return nil
}

func (k *kernel) chain(op nft.Op) error {
	c := k.table.Chain(op.Chain.Name)
	if op.Mark == nft.Add {
		if c != nil {
			return fmt.Errorf("it exists")
		}
		k.table.Chains = append(k.table.Chains, &nft.Chain{Name: op.Chain.Name, Hook: op.Chain.Hook})
		return nil
	}
	switch {
	case c == nil:
		return fmt.Errorf("there is none")
	case len(c.Rules) > 0:
		return fmt.Errorf("it has rules")
	}
	for _, s := range k.table.Sets {
		for _, e := range s.Elements {
			if e.Verdict.Chain == c.Name {
				return fmt.Errorf("element %s of %s leads to it", s.ElementString(e), s.Name)
			}
		}
	}
	for _, other := range k.table.Chains {
		for _, r := range other.Rules {
			if chains, _ := refers(r); slices.Contains(chains, c.Name) {
				return fmt.Errorf("rule %s of chain %s leads to it", r, other.Name)
			}
		}
	}
	k.table.Chains = slices.DeleteFunc(k.table.Chains, func(x *nft.Chain) bool { return x == c })
	return nil
}

func (k *kernel) object(op nft.Op) error {
	ref := op.Object.Ref()
	held := k.table.Object(ref)
	if op.Mark == nft.Add {
		if held != nil {
			return fmt.Errorf("it exists")
		}
		k.table.Objects = append(slices.Clone(k.table.Objects), op.Object)
		return nil
	}
	if held == nil {
		return fmt.Errorf("there is none")
	}
	for _, c := range k.table.Chains {
		for _, r := range c.Rules {
			if slices.Contains(used(r), ref) {
				return fmt.Errorf("rule %s of chain %s uses it", r, c.Name)
			}
		}
	}
	for _, s := range k.table.Sets {
		for _, e := range s.Elements {
			if s.Data == nft.ObjectData && ref == (nft.Ref{Kind: s.Objects, Name: e.Data}) {
				return fmt.Errorf("element %s of %s names it", s.ElementString(e), s.Name)
			}
		}
	}
	k.table.Objects = slices.DeleteFunc(slices.Clone(k.table.Objects), func(o nft.Object) bool { return o.Ref() == ref })
	return nil
}

// used returns the objects that a rule names.
func used(r nft.Rule) (refs []nft.Ref) {
	for _, s := range r.Stmts {
		if u, ok := s.(nft.Use); ok {
			refs = append(refs, u.Object)
		}
	}
	return refs
}

func (k *kernel) flowtable(op nft.Op) error {
	name, devices := op.Flowtable.Name, op.Flowtable.Devices
	f := k.table.Flowtable
	if op.Mark == nft.Add && (f == nil || f.Name != name) {
		if f != nil {
			return fmt.Errorf("there is another, %s", f)
		}
		k.table.Flowtable = &nft.Flowtable{Name: name, Devices: devices}
		return nil
	}
	if f == nil || f.Name != name {
		return fmt.Errorf("there is none")
	}
	if op.Mark == nft.Delete && len(devices) == 0 {
		for _, c := range k.table.Chains {
			for _, r := range c.Rules {
				if slices.Contains(r.Stmts, nft.Stmt(nft.FlowAdd{Flowtable: name})) {
					return fmt.Errorf("rule %s of chain %s uses it", r, c.Name)
				}
			}
		}
		k.table.Flowtable = nil
		return nil
	}
	for _, d := range devices {
		at, has := slices.BinarySearch(f.Devices, d)
		if has == (op.Mark == nft.Add) {
			return fmt.Errorf("device %s is on it: %v", d, has)
		}
		f.Devices = slices.Clone(f.Devices)
		if has {
			f.Devices = slices.Delete(f.Devices, at, at+1)
		} else {
			f.Devices = slices.Insert(f.Devices, at, d)
		}
	}
	if len(f.Devices) == 0 {
		f.Devices = nil
	}
	return nil
}

func (k *kernel) rule(op nft.Op, r nft.Rule) error {
	c := k.table.Chain(op.Chain.Name)
	if c == nil {
		return fmt.Errorf("there is no such chain")
	}
	if op.Mark == nft.Delete {
		at := slices.IndexFunc(c.Rules, func(x nft.Rule) bool { return x.Handle == r.Handle })
		if at < 0 || r.Handle == 0 {
			return fmt.Errorf("there is no rule with the handle %d", r.Handle)
		}
		c.Rules = slices.Delete(slices.Clone(c.Rules), at, at+1)
		return nil
	}
	chains, sets := refers(r)
	for _, name := range chains {
		if k.table.Chain(name) == nil {
			return fmt.Errorf("there is no chain %s", name)
		}
	}
	for _, name := range sets {
		if k.table.Set(name) == nil {
			return fmt.Errorf("there is no set %s", name)
		}
	}
	for _, ref := range used(r) {
		if k.table.Object(ref) == nil {
			return fmt.Errorf("there is no %s", ref)
		}
	}
	for _, s := range r.Stmts {
		if add, ok := s.(nft.FlowAdd); ok && (k.table.Flowtable == nil || k.table.Flowtable.Name != add.Flowtable) {
			return fmt.Errorf("there is no flowtable %s", add.Flowtable)
		}
	}
	c.Rules = append(c.Rules, r)
	return nil
}

// refers returns the chains and sets that a rule names.
func refers(r nft.Rule) (chains, sets []string) {
	for _, s := range r.Stmts {
		switch s := s.(type) {
		case nft.Give:
			if s.Verdict.Chain != "" {
				chains = append(chains, s.Verdict.Chain)
			}
		case nft.UseBy:
			sets = append(sets, s.Map)
		case nft.Vmap:
			sets = append(sets, s.Map)
		case nft.NAT:
			sets = append(sets, s.Map)
		case nft.InSet:
			sets = append(sets, s.Set)
		case nft.OIfIn:
			sets = append(sets, s.Set)
		}
	}
	return chains, sets
}

// canonical returns a copy whose sets, chains and elements, whose order has no meaning, are
// sorted, and whose rules have no handles.
func canonical(r *nft.Ruleset) *nft.Ruleset {
	out := &nft.Ruleset{Table: r.Table, Comment: r.Comment, Flowtable: r.Flowtable, Dormant: r.Dormant, Others: r.Others}
	out.Objects = slices.Clone(r.Objects)
	slices.SortFunc(out.Objects, func(a, b nft.Object) int { return cmp.Compare(a.Ref().String(), b.Ref().String()) })
	for _, s := range r.Sets {
		c := *s
		c.Elements = slices.Clone(s.Elements)
		slices.SortFunc(c.Elements, func(a, b nft.Element) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.KeyEnd, b.KeyEnd)) })
		if len(c.Elements) == 0 {
			c.Elements = nil
		}
		out.Sets = append(out.Sets, &c)
	}
	for _, c := range r.Chains {
		x := &nft.Chain{Name: c.Name, Hook: c.Hook}
		for _, rule := range c.Rules {
			rule.Handle = 0
			x.Rules = append(x.Rules, rule)
		}
		out.Chains = append(out.Chains, x)
	}
	slices.SortFunc(out.Sets, func(a, b *nft.Set) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Chains, func(a, b *nft.Chain) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
