package nft

import (
	"fmt"
	"io"
	"iter"
)

// Plan is what must be done to turn one ruleset into another: operations in the order in
// which the kernel takes them, deletions first; what changes deletes, too, ahead of all others.
// The zero value does nothing.
type Plan struct {
	Want   Formed // what the plan leads to
	Whole  Whole  // what happens to the table itself
	Reason string // why the table is made anew, where Whole is Replace
	Ops    []Op
}

// Table returns the name of the table that the plan is about.
func (p Plan) Table() string { return p.Want.Ruleset().Table }

// Whole is what a plan does to the table itself.
type Whole uint8

// What a plan does to the table itself.
const (
	Keep    Whole = iota // the table stays
	Create               // there is none yet
	Replace              // it is deleted and made anew, in the same transaction
	Wake                 // it is there, but switched off (flag dormant)
)

// Mark says what an operation does; its value is what a diff prints.
type Mark byte

// The marks.
const (
	Add    Mark = '+'
	Delete Mark = '-'
	Change Mark = '~' // elements keep their key and what they have counted, and get other data or another comment
)

// Op is one operation. Exactly one of Object, Set, Chain and Flowtable is not nil.
//
//	Set alone               the set or map itself
//	Set with Elements       those elements of it; changed: what they become, and Was what they are
//	Chain alone             the chain itself
//	Chain with Rules        those rules of it, added at its end
//	Object                  the object
//	Flowtable               added: with its devices, or more devices to one that is there
//	                        deleted: those devices of it, or all of it if it names none
type Op struct {
	Mark     Mark
	Set      *Set
	Elements []Element
	Was      []Element // of a Change: as long as Elements, with the same keys
	Chain    *Chain
	Rules    []Rule

	Object    Object
	Flowtable *Flowtable
}

// Marked returns the elements of an operation with what the kernel is told about each: it
// cannot change an element in place, so a Change deletes what was and adds what becomes of it.
func (o Op) Marked() iter.Seq2[Mark, *Element] {
	return func(yield func(Mark, *Element) bool) {
		mark := o.Mark
		if mark == Change {
			mark = Add
		}
		for i := range o.Was {
			if !yield(Delete, &o.Was[i]) {
				return
			}
		}
		for i := range o.Elements {
			if !yield(mark, &o.Elements[i]) {
				return
			}
		}
	}
}

// Empty tells whether there is nothing to do.
func (p Plan) Empty() bool { return p.Whole == Keep && len(p.Ops) == 0 }

// Counts returns how many rules and elements the plan adds and deletes. An element that
// changes counts as both.
func (p Plan) Counts() (rules, elements Tally) {
	for _, op := range p.Ops {
		rules.add(op.Mark, len(op.Rules))
		elements.add(op.Mark, len(op.Elements))
	}
	return rules, elements
}

// Tally counts additions and deletions.
type Tally struct {
	Add    int `json:"add"`
	Delete int `json:"delete"`
}

func (t *Tally) add(m Mark, n int) {
	if m == Add || m == Change {
		t.Add += n
	}
	if m == Delete || m == Change {
		t.Delete += n
	}
}

// Format prints the plan, an operation a line, elements and rules each on their own.
func (p Plan) Format(w io.Writer) {
	switch p.Whole {
	case Create:
		fmt.Fprintf(w, "+ table inet %s\n", p.Table())
	case Replace:
		fmt.Fprintf(w, "- table inet %s (%s)\n+ table inet %s\n", p.Table(), p.Reason, p.Table())
	case Wake:
		fmt.Fprintf(w, "~ table inet %s: no longer dormant\n", p.Table())
	}
	for _, op := range p.Ops {
		op.format(w)
	}
}

func (o Op) format(w io.Writer) {
	switch {
	case o.Object != nil:
		fmt.Fprintf(w, "%c %s\n", o.Mark, ObjectString(o.Object))
	case o.Flowtable != nil:
		fmt.Fprintf(w, "%c flowtable %s\n", o.Mark, o.Flowtable)
	case o.Set != nil && o.Elements == nil && o.Set.Data == NoData:
		fmt.Fprintf(w, "%c set %s { %s%s }\n", o.Mark, o.Set.Name, o.Set.header(), o.Set.limit())
	case o.Set != nil && o.Elements == nil:
		fmt.Fprintf(w, "%c map %s { %s%s }\n", o.Mark, o.Set.Name, o.Set.header(), o.Set.limit())
	case o.Mark == Change:
		for i, e := range o.Elements {
			was, is := o.Set.ElementString(o.Was[i]), o.Set.ElementString(e)
			if was == is { // what it names is made anew
				fmt.Fprintf(w, "~ element %s { %s }\n", o.Set.Name, is)
				continue
			}
			fmt.Fprintf(w, "~ element %s { %s } → { %s }\n", o.Set.Name, was, is)
		}
	case o.Set != nil:
		for _, e := range o.Elements {
			fmt.Fprintf(w, "%c element %s { %s }\n", o.Mark, o.Set.Name, o.Set.ElementString(e))
		}
	case o.Rules == nil && o.Chain.Hook != nil:
		fmt.Fprintf(w, "%c chain %s { %s }\n", o.Mark, o.Chain.Name, o.Chain.Hook)
	case o.Rules == nil:
		fmt.Fprintf(w, "%c chain %s\n", o.Mark, o.Chain.Name)
	default:
		for _, r := range o.Rules {
			fmt.Fprintf(w, "%c rule %s: %s\n", o.Mark, o.Chain.Name, r.display())
		}
	}
}

// display prints the rule as nft writes it, or its form where no statements are known.
func (r Rule) display() string {
	if len(r.Stmts) == 0 && r.Form != "" {
		return r.Form
	}
	return r.String()
}
