// Package nft holds nftables rulesets as values: one table of family inet with its sets,
// maps, chains and rules, their text form, and the difference between two of them.
//
// Nothing here speaks to the kernel; package nftlink does.
package nft

import "strconv"

// Ruleset is one table and all that it holds. The order of Sets and Chains is that of
// the text form; the order of a chain's rules has meaning, that of elements has none.
type Ruleset struct {
	Table   string // family inet
	Comment string
	Objects []Object // their order is that of the text form
	Sets    []*Set
	Chains  []*Chain

	Flowtable *Flowtable // nil: none

	Dormant bool     // the table is there but switched off; only ever read from a kernel
	Others  []string // what snatctl never makes (objects of other kinds, other flowtables), as read from a kernel
}

// Set is a named set or map. A verdict map, a data map and a plain set differ in Data.
type Set struct {
	Name     string
	Key      []Type
	Data     Data
	Objects  ObjectKind // of the objects that elements name, where Data is ObjectData
	Interval bool       // keys are ranges (set flag `interval`)
	Counter  bool       // every element counts what hits it
	Dynamic  bool       // rules enter elements, which time out; what they entered is no part of a diff
	Counting bool       // of Dynamic: elements stay as long as they count connections, and don't time out
	Size     uint32     // how many elements it holds at most; 0: as many as there are, or of Dynamic: DynamicSize
	Elements []Element
}

// Element is one entry of a set or map. All byte strings are in wire form: the members of
// a concatenation padded to 4 bytes each, network byte order except where Type says so.
type Element struct {
	Key     string // empty: all keys that no other element has; only ever read from a kernel
	KeyEnd  string // last key of a range, inclusive; empty in sets that are not Interval
	Data    string // for data maps; of a range: first and last, one behind the other; of an object: its name
	Verdict Verdict
	Comment string // leads back to the policy: see package compiler
	Packets uint64 // what the element has counted; only ever read from a kernel, never compared
	Bytes   uint64 // of those packets
}

// same tells whether two elements are equal but for what they have counted.
func (e *Element) same(o *Element) bool {
	return e.Key == o.Key && e.KeyEnd == o.KeyEnd && e.Data == o.Data && e.Verdict == o.Verdict && e.Comment == o.Comment
}

// Chain is a chain of rules; with a Hook it is a base chain.
type Chain struct {
	Name  string
	Hook  *Hook // nil: a regular chain
	Rules []Rule
}

// Hook binds a base chain to a netfilter hook, whatever the chain is called. The policy of
// every base chain is accept.
type Hook struct {
	Type     string // "nat" or "filter"
	Point    Point
	Priority int32 // chains of lower ones are called first
}

// Point is where a hook is in a packet's way, as nft writes it
// (include/uapi/linux/netfilter.h, enum nf_inet_hooks). "" is read for points that none of ours is called at.
type Point string

// The points that chains of ours are called at.
const (
	Prerouting  Point = "prerouting"
	Input       Point = "input"
	Forward     Point = "forward"
	Output      Point = "output"
	Postrouting Point = "postrouting"
)

// Rule is one rule: its statements from left to right.
//
// A rule that was read from the kernel has a Form and a Handle but no Stmts. Two rules are
// the same if their forms are equal; Forms gives one to the rules of a compiled ruleset.
type Rule struct {
	Stmts   []Stmt
	Comment string
	Form    string // canonical listing of the kernel's expressions; made by package nftlink
	Handle  uint64 // the kernel's name for the rule; 0 if it has none yet
}

// Set returns the set or map of that name, or nil.
func (r *Ruleset) Set(name string) *Set {
	if r == nil {
		return nil
	}
	for _, s := range r.Sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Chain returns the chain of that name, or nil.
func (r *Ruleset) Chain(name string) *Chain {
	if r == nil {
		return nil
	}
	for _, c := range r.Chains {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Recognize gives rules that were read from the kernel the statements of rules with the same
// form in a vocabulary, so that they print as nft writes them.
func (r *Ruleset) Recognize(vocabulary Formed) {
	known := make(map[string][]Stmt)
	for _, c := range vocabulary.Ruleset().Chains {
		for _, rule := range c.Rules {
			known[rule.Form] = rule.Stmts
		}
	}
	for _, c := range r.Chains {
		for i := range c.Rules {
			if rule := &c.Rules[i]; rule.Stmts == nil {
				rule.Stmts = known[rule.Form]
			}
		}
	}
}

// Count returns how many rules and elements the ruleset holds.
func (r *Ruleset) Count() (rules, elements int) {
	if r == nil {
		return 0, 0
	}
	for _, c := range r.Chains {
		rules += len(c.Rules)
	}
	for _, s := range r.Sets {
		elements += len(s.Elements)
	}
	return rules, elements
}

// VerdictKind is what a verdict does. The zero value is no verdict.
type VerdictKind uint8

// The verdicts that snatctl uses.
const (
	NoVerdict VerdictKind = iota
	Accept
	Drop
	Jump
	Goto
	Return
)

var verdictNames = [...]string{"", "accept", "drop", "jump", "goto", "return"}

// Verdict decides about a packet, or sends it to a chain.
type Verdict struct {
	Kind  VerdictKind
	Chain string // for Jump and Goto
}

// GotoChain returns the verdict `goto chain`.
func GotoChain(chain string) Verdict { return Verdict{Goto, chain} }

// JumpChain returns the verdict `jump chain`.
func JumpChain(chain string) Verdict { return Verdict{Jump, chain} }

// String returns the verdict as nft writes it.
func (v Verdict) String() string {
	if int(v.Kind) >= len(verdictNames) {
		return "verdict " + strconv.Itoa(int(v.Kind))
	}
	if v.Chain != "" {
		return verdictNames[v.Kind] + " " + v.Chain
	}
	return verdictNames[v.Kind]
}
