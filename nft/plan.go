package nft

import (
	"fmt"
	"io"
)

// Plan is what must be done to turn one ruleset into another: operations in the order in
// which the kernel takes them, deletions first. The zero value does nothing.
type Plan struct {
	Table   string
	Comment string
	Whole   Whole  // what happens to the table itself
	Reason  string // why the table is made anew, where Whole is Replace
	Ops     []Op
}

// Whole is what a plan does to the table itself.
type Whole uint8

// What a plan does to the table itself.
const (
	Keep    Whole = iota // the table stays
	Create               // there is none yet
	Replace              // it is deleted and made anew, in the same transaction
	Wake                 // it is there, but switched off (flag dormant)
)

// Mark says whether an operation adds or deletes; its value is what a diff prints.
type Mark byte

// The marks.
const (
	Add    Mark = '+'
	Delete Mark = '-'
)

// Op is one operation. Exactly one of Set, Chain and Flowtable is not nil.
//
//	Set alone               the set or map itself
//	Set with Elements       those elements of it
//	Chain alone             the chain itself
//	Chain with Rules        those rules of it, added at its end
//	Flowtable               added: with its devices, or more devices to one that is there
//	                        deleted: those devices of it, or all of it if it names none
type Op struct {
	Mark     Mark
	Set      *Set
	Elements []Element
	Chain    *Chain
	Rules    []Rule

	Flowtable *Flowtable
}

// Empty tells whether there is nothing to do.
func (p Plan) Empty() bool { return p.Whole == Keep && len(p.Ops) == 0 }

// Counts returns how many rules and elements the plan adds and deletes.
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
	if m == Add {
		t.Add += n
	} else {
		t.Delete += n
	}
}

// Format prints the plan, an operation a line, elements and rules each on their own.
func (p Plan) Format(w io.Writer) {
	switch p.Whole {
	case Create:
		fmt.Fprintf(w, "+ table inet %s\n", p.Table)
	case Replace:
		fmt.Fprintf(w, "- table inet %s (%s)\n+ table inet %s\n", p.Table, p.Reason, p.Table)
	case Wake:
		fmt.Fprintf(w, "~ table inet %s: no longer dormant\n", p.Table)
	}
	for _, op := range p.Ops {
		op.format(w)
	}
}

func (o Op) format(w io.Writer) {
	switch {
	case o.Flowtable != nil:
		fmt.Fprintf(w, "%c flowtable %s\n", o.Mark, o.Flowtable)
	case o.Set != nil && o.Elements == nil && o.Set.Data == NoData:
		fmt.Fprintf(w, "%c set %s { %s }\n", o.Mark, o.Set.Name, o.Set.header())
	case o.Set != nil && o.Elements == nil:
		fmt.Fprintf(w, "%c map %s { %s }\n", o.Mark, o.Set.Name, o.Set.header())
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
