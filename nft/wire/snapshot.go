package wire

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Snapshot is a table of family inet exactly as it stood, whoever made it: what the kernel
// returned of it, less the numbers that the kernel gives by itself. Unlike a nft.Ruleset it
// can be put back whatever it holds. A table that did not exist has a snapshot too: putting
// that back removes the table.
type Snapshot struct {
	table      string
	head       []byte // attributes of the table; nil: there was none
	objects    [][]byte
	flowtables [][]byte
	sets       []*SavedSet
	chains     [][]byte
	rules      [][]byte // those of chains that belong to a rule first
}

// SavedSet is a set or map with its elements, each as attributes. What is kept of anything is
// what the kernel returns and takes again, so no handles, use counts, positions and padding.
type SavedSet struct {
	attrs    []byte
	name     string
	flags    uint32
	elements [][]byte
}

// NewSnapshot returns the snapshot of a table that does not exist, to be filled.
func NewSnapshot(table string) *Snapshot { return &Snapshot{table: table} }

// TakeTable keeps what the table says of itself: there is one.
func (s *Snapshot) TakeTable(b []byte) {
	s.head = append([]byte{}, pick(b, tableFlags, tableUserdata)...)
}

// TakeObject keeps a named object.
func (s *Snapshot) TakeObject(b []byte) {
	s.take(&s.objects, b, objName, objType, objData, objUserdata)
}

// TakeFlowtable keeps a flowtable.
func (s *Snapshot) TakeFlowtable(b []byte) {
	s.take(&s.flowtables, b, flowtableName, flowtableHook, flowtableFlags)
}

// TakeChain keeps a chain.
func (s *Snapshot) TakeChain(b []byte) {
	s.take(&s.chains, b, chainName, chainHook, chainPolicy, chainType, chainCounters, chainFlags, chainUserdata)
}

// TakeRule keeps a rule.
func (s *Snapshot) TakeRule(b []byte) {
	s.take(&s.rules, b, ruleChain, ruleExpressions, ruleCompat, ruleUserdata)
}

// take keeps some attributes of a message, if it is of the table: older kernels return those
// of all tables.
func (s *Snapshot) take(into *[][]byte, b []byte, types ...uint16) {
	if TableOf(b) == s.table {
		*into = append(*into, pick(b, types...))
	}
}

// TakeSet keeps a set or map, without its elements.
func (s *Snapshot) TakeSet(b []byte) {
	if TableOf(b) != s.table {
		return
	}
	flags := nfnl.Attrs{Val: nfnl.Find(b, setFlags)}
	s.sets = append(s.sets, &SavedSet{name: nameOf(b, setName), flags: flags.U32(), attrs: pick(b, setName, setFlags,
		setKeyType, setKeyLen, setDataType, setDataLen, setPolicy, setDesc, setTimeout, setGCInterval, setUserData, setObjType,
		setExpr, setExpressions)})
}

// Sets returns the sets that were taken, which want their elements.
func (s *Snapshot) Sets() []*SavedSet { return s.sets }

// Name returns the set's name.
func (s *SavedSet) Name() string { return s.name }

// Begin forgets the elements that were taken.
func (s *SavedSet) Begin() { s.elements = nil }

// Take keeps the elements of one message.
func (s *SavedSet) Take(b []byte) error {
	list := nfnl.Attrs{Rest: nfnl.Find(b, listElements)}
	for list.Next() {
		if isEnd(list.Val) {
			// Linux 5.10 gives ends counters too if the set counts, and refuses them when they come back.
			s.elements = append(s.elements, pick(list.Val, elemKey, elemFlags))
			continue
		}
		s.elements = append(s.elements, pick(list.Val, elemKey, elemKeyEnd, elemData, elemFlags, elemTimeout, elemExpiration,
			elemUserdata, elemExpr, elemObjref, elemExprs))
	}
	return list.Err
}

// isEnd tells whether an element is the mark behind a range.
func isEnd(e []byte) bool {
	flags := nfnl.Attrs{Val: nfnl.Find(e, elemFlags)}
	return flags.U32()&unix.NFT_SET_ELEM_INTERVAL_END != 0
}

// Finish puts in order what the kernel wants in order.
func (s *Snapshot) Finish() {
	s.orderRules()
	for _, set := range s.sets {
		set.sort()
	}
}

// orderRules puts those rules first that the kernel wants first: a chain that belongs to a rule
// takes no rules any more once that rule is there. One that lies in another is made after it,
// and so has the higher number.
func (s *Snapshot) orderRules() {
	for i := range s.rules {
		s.rules[i] = mend(s.rules[i])
	}
	binding := make(map[string]int)
	for i, b := range s.chains {
		flags := nfnl.Attrs{Val: nfnl.Find(b, chainFlags)}
		if flags.U32()&chainBinding != 0 {
			binding[string(nfnl.Find(b, chainName))] = i + 1
		}
	}
	if len(binding) > 0 {
		slices.SortStableFunc(s.rules, func(a, b []byte) int {
			return binding[string(nfnl.Find(b, ruleChain))] - binding[string(nfnl.Find(a, ruleChain))]
		})
	}
}

// sort orders the marks of ranges as the kernel takes them (net/netfilter/nft_set_rbtree.c):
// upwards, and where one range ends and the next begins, the end first.
func (s *SavedSet) sort() {
	if s.flags&unix.NFT_SET_INTERVAL == 0 || s.flags&setConcat != 0 {
		return
	}
	place := func(e []byte) string {
		key := string(nfnl.Find(nfnl.Find(e, elemKey), dataValue))
		if isEnd(e) {
			return key + "\x00"
		}
		return key + "\x01"
	}
	slices.SortStableFunc(s.elements, func(a, b []byte) int { return strings.Compare(place(a), place(b)) })
}

// pick copies those attributes of a list that have one of the types, as they are.
func pick(list []byte, types ...uint16) []byte {
	var out []byte
	for a := (nfnl.Attrs{Rest: list}); ; {
		rest := a.Rest
		if !a.Next() {
			return out
		}
		if slices.Contains(types, a.Type) {
			out = append(out, rest[:unix.NLA_HDRLEN+len(a.Val)]...)
			out = append(out, make([]byte, nfnl.Align(len(out))-len(out))...)
		}
	}
}
