package nft

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/beside"
)

// Diff returns what turns the live ruleset into the wanted one. A nil live ruleset means
// that the table does not exist.
//
// Rules are compared by their Form: a live rule without one differs from all that are wanted.
// Elements that are equal stay untouched, and so do a chain's rules up to the first that
// differs. A set or a base chain whose declaration differs cannot be changed in place: then
// the whole table is made anew. A set without room for what it shall hold is made anew alone, with
// the rules that use it.
func Diff(live *Ruleset, formed Formed) Plan {
	want := formed.Ruleset()
	switch {
	case live == nil:
		return whole(Create, "", formed)
	case live.Others != nil:
		return whole(Replace, fmt.Sprintf("it holds %s, which snatctl did not make", live.Others[0]), formed)
	}
	if why := irreconcilable(live, want); why != "" {
		return whole(Replace, why, formed)
	}
	p := Plan{Want: formed}
	if live.Dormant {
		p.Whole = Wake
	}
	var d differ
	anew := d.objects(live.Objects, want.Objects)
	full := d.sets(live, want, anew)
	d.chains(live, want, anew, full)
	d.flowtable(live.Flowtable, want.Flowtable)
	p.Ops = d.ordered()
	return p
}

// irreconcilable tells why the table must be made anew, or "".
func irreconcilable(live, want *Ruleset) string {
	if live.Comment != want.Comment {
		return "it was not made by this version of snatctl"
	}
	sets := index(live.Sets, func(s *Set) string { return s.Name })
	for _, w := range want.Sets {
		if l := sets[w.Name]; l != nil && !sameDeclaration(l, w) {
			return fmt.Sprintf("%s is declared differently", w.Name)
		}
	}
	chains := index(live.Chains, func(c *Chain) string { return c.Name })
	for _, w := range want.Chains {
		if l := chains[w.Name]; l != nil && !sameHook(l.Hook, w.Hook) {
			return fmt.Sprintf("chain %s is hooked differently", w.Name)
		}
	}
	return ""
}

// sameDeclaration tells whether two sets are declared alike. The size of one that rules do not enter
// elements into only has to be large enough, which roomy tells.
func sameDeclaration(a, b *Set) bool {
	return slices.Equal(a.Key, b.Key) && a.Data == b.Data && a.Objects == b.Objects && a.Interval == b.Interval && a.Counter == b.Counter && a.Dynamic == b.Dynamic && a.Counting == b.Counting && (!a.Dynamic || a.Holds() == b.Holds())
}

// roomy tells whether a set holds that many elements.
func (s *Set) roomy(elements int) bool {
	return s.Dynamic || s.Size == 0 || elements <= int(s.Size)
}

func sameHook(a, b *Hook) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// whole returns the plan that makes the table from nothing.
func whole(w Whole, reason string, formed Formed) Plan {
	p, want := Plan{Want: formed, Whole: w, Reason: reason}, formed.Ruleset()
	var d differ
	empty := &Ruleset{}
	d.objects(nil, want.Objects)
	d.sets(empty, want, nil)
	d.chains(empty, want, nil, nil)
	d.flowtable(nil, want.Flowtable)
	p.Ops = d.ordered()
	return p
}

// differ collects operations by phase.
type differ struct {
	delElems, delRules, delSets, delChains []Op
	addSets, addChains, addElems, addRules []Op
	change                                 []Op
	delFlowtable, addFlowtable             []Op
	delObjects, addObjects                 []Op
}

// ordered returns the operations as the kernel can take them: what refers goes before what
// it refers to when deleting, and comes after it when adding. Rules come before elements:
// binding a rule to a map walks all that the map holds (nf_tables_bind_set).
func (d *differ) ordered() []Op {
	return slices.Concat(d.delElems, d.delRules, d.delSets, d.delChains, d.delFlowtable, d.delObjects, d.addObjects, d.addSets, d.addFlowtable, d.addChains, d.addRules, d.change, d.addElems)
}

// sets compares the sets, and returns the names of those that are made anew because they are full.
func (d *differ) sets(live, want *Ruleset, anew map[Ref]bool) (full map[string]bool) {
	old := index(live.Sets, func(s *Set) string { return s.Name })
	full = make(map[string]bool)
	var all []comparison
	for _, w := range want.Sets {
		l := old[w.Name]
		if l != nil && !l.roomy(len(w.Elements)) {
			full[w.Name], l = true, nil // it stays among the old ones, which go
		} else {
			delete(old, w.Name)
		}
		if l == nil {
			d.addSets = append(d.addSets, Op{Mark: Add, Set: w})
			all = append(all, comparison{set: w, add: Op{Mark: Add, Set: w, Elements: w.Elements}})
			continue
		}
		if !w.Dynamic {
			all = append(all, comparison{set: w, live: l})
		}
	}
	compare(all, anew)
	for _, c := range all {
		d.delElems, d.addElems, d.change = appendFilled(d.delElems, c.del), appendFilled(d.addElems, c.add), appendFilled(d.change, c.change)
	}
	for _, l := range live.Sets {
		if old[l.Name] != nil {
			if len(l.Elements) > 0 && !l.Dynamic {
				d.delElems = append(d.delElems, Op{Mark: Delete, Set: l, Elements: l.Elements})
			}
			d.delSets = append(d.delSets, Op{Mark: Delete, Set: l})
		}
	}
	return full
}

// comparison is that of the elements of a set, and its result.
type comparison struct {
	set              *Set
	live             *Set // nil: the set is new
	del, add, change Op
}

// aside is from how many elements on sets are compared beside each other.
const aside = 10_000

// compare compares the elements of sets.
func compare(sets []comparison, anew map[Ref]bool) {
	elements := 0
	for i := range sets {
		if sets[i].live != nil {
			elements += len(sets[i].live.Elements)
		}
	}
	if elements >= aside {
		beside.Each(len(sets), func(i int) { sets[i].elements(anew) })
		return
	}
	for i := range sets {
		sets[i].elements(anew)
	}
}

// elements compares the elements. What a slot has counted belongs to the
// real server or laddr that is in it: with another one it begins anew. An element whose
// object is made anew changes, too, though it looks the same.
func (c *comparison) elements(anew map[Ref]bool) {
	if c.live == nil {
		return
	}
	s, live := c.set, c.live.Elements
	del, add, change := Op{Mark: Delete, Set: s}, Op{Mark: Add, Set: s}, Op{Mark: Change, Set: s}
	old := indexKeys(live) // ranges in one set never start at the same key
	kept := make([]bool, len(live))
	for i := range s.Elements {
		w := &s.Elements[i]
		l, ok := old.find(w.Key)
		if !ok || live[l].KeyEnd != w.KeyEnd || s.HasSlot() && live[l].Data != w.Data {
			add.Elements = append(add.Elements, *w)
			continue
		}
		kept[l] = true
		if !live[l].same(w) || s.Data == ObjectData && anew[Ref{s.Objects, w.Data}] {
			change.Was, change.Elements = append(change.Was, live[l]), append(change.Elements, *w)
		}
	}
	for i, e := range live {
		if !kept[i] {
			del.Elements = append(del.Elements, e)
		}
	}
	slices.SortFunc(del.Elements, func(a, b Element) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.KeyEnd, b.KeyEnd)) })
	c.del, c.add, c.change = del, add, change
}

// appendFilled appends an operation if it has elements.
func appendFilled(ops []Op, o Op) []Op {
	if len(o.Elements) == 0 {
		return ops
	}
	return append(ops, o)
}

func (d *differ) chains(live, want *Ruleset, anew map[Ref]bool, full map[string]bool) {
	old := index(live.Chains, func(c *Chain) string { return c.Name })
	for _, w := range want.Chains {
		l := old[w.Name]
		delete(old, w.Name)
		if l == nil {
			d.addChains = append(d.addChains, Op{Mark: Add, Chain: w})
			l = &Chain{}
		}
		same := 0
		for same < len(l.Rules) && same < len(w.Rules) && l.Rules[same].Form == w.Rules[same].Form && l.Rules[same].Comment == w.Rules[same].Comment && !w.Rules[same].uses(anew) && !w.Rules[same].looksInto(full) {
			same++
		}
		if same < len(l.Rules) {
			d.delRules = append(d.delRules, Op{Mark: Delete, Chain: w, Rules: l.Rules[same:]})
		}
		if same < len(w.Rules) {
			d.addRules = append(d.addRules, Op{Mark: Add, Chain: w, Rules: w.Rules[same:]})
		}
	}
	for _, l := range live.Chains {
		if old[l.Name] != nil {
			if len(l.Rules) > 0 {
				d.delRules = append(d.delRules, Op{Mark: Delete, Chain: l, Rules: l.Rules})
			}
			d.delChains = append(d.delChains, Op{Mark: Delete, Chain: l})
		}
	}
}

// uses tells whether a rule uses one of some objects by name.
func (r Rule) uses(objects map[Ref]bool) bool {
	if len(objects) == 0 {
		return false
	}
	for _, s := range r.Stmts {
		if u, ok := s.(Use); ok && objects[u.Object] {
			return true
		}
	}
	return false
}

// looksInto tells whether a rule uses one of some sets.
func (r Rule) looksInto(sets map[string]bool) bool {
	if len(sets) == 0 {
		return false
	}
	for _, s := range r.Stmts {
		for word := range strings.FieldsSeq(s.String()) {
			if set, ok := strings.CutPrefix(word, "@"); ok && sets[set] {
				return true
			}
		}
	}
	return false
}

func index[T any](xs []*T, name func(*T) string) map[string]*T {
	m := make(map[string]*T, len(xs))
	for _, x := range xs {
		m[name(x)] = x
	}
	return m
}
