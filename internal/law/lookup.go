package law

import (
	"encoding/binary"
	"slices"

	"fmt"

	"github.com/snatctl/snatctl/nft"
)

// lookup is a set or map in which keys can be found.
type lookup struct {
	*nft.Set
	exact map[string][]*nft.Element // of sets without ranges; a slot at the end of the key is left out
	slot  bool                      // the last member of the key is a slot
	known map[key]result            // of keys that leave the slot to chance
}

// result is the different elements that a key can hit, and whether it hits one always.
type result struct {
	found  []*nft.Element
	shares []int // in how many slots each is
	all    bool
}

// Choice is how the kernel came to an element: what chose, and how many of its values lead
// there. The zero value is no choice.
type Choice struct {
	By        nft.Field
	Share, Of int
}

func newLookup(s *nft.Set) (*lookup, error) {
	t := &lookup{Set: s, known: make(map[key]result), slot: len(s.Key) > 0 && s.Key[len(s.Key)-1] == nft.Slot}
	width := s.KeyWidth()
	for i := range s.Elements {
		e := &s.Elements[i]
		if len(e.Key) != width || s.Interval && len(e.KeyEnd) != width || !s.Interval && e.KeyEnd != "" {
			return nil, fmt.Errorf("map %s: the key of %s has a wrong length", s.Name, s.ElementString(*e))
		}
		if (s.Data == nft.VerdictData) != (e.Verdict.Kind != nft.NoVerdict) || s.Data != nft.VerdictData && len(e.Data) != s.Data.Width() {
			return nil, fmt.Errorf("map %s: %s gives something else than the map's", s.Name, s.ElementString(*e))
		}
	}
	if s.Interval {
		return t, t.disjoint()
	}
	t.exact = make(map[string][]*nft.Element, len(s.Elements))
	seen := make(map[string]bool, len(s.Elements))
	for i := range s.Elements {
		e := &s.Elements[i]
		if seen[e.Key] {
			return nil, fmt.Errorf("map %s holds %s twice", s.Name, s.KeyString(*e))
		}
		seen[e.Key] = true
		key := t.fixed(e.Key)
		t.exact[key] = append(t.exact[key], e)
	}
	return t, nil
}

// fixed returns a key without the slot at its end.
func (t *lookup) fixed(key string) string {
	if t.slot {
		return key[:len(key)-nft.Slot.Width()]
	}
	return key
}

// disjoint makes sure of what the kernel asks of ranges: no two hold the same key.
func (t *lookup) disjoint() error {
	es := slices.Clone(t.Elements)
	slices.SortFunc(es, func(a, b nft.Element) int { return compare(a.Key, b.Key) })
	first := t.Key[0].Width()
	for i := range es {
		if !t.ordered(es[i]) {
			return fmt.Errorf("map %s: the range %s is reversed", t.Name, t.KeyString(es[i]))
		}
		for j := i + 1; j < len(es) && es[j].Key[:first] <= es[i].KeyEnd[:first]; j++ {
			if t.overlap(es[i], es[j]) {
				return fmt.Errorf("map %s: %s overlaps %s", t.Name, t.KeyString(es[i]), t.KeyString(es[j]))
			}
		}
	}
	return nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// members calls f with the place of each member in a key, until it returns false.
func (t *lookup) members(f func(from, to int) bool) bool {
	at := 0
	for _, m := range t.Key {
		if !f(at, at+m.Width()) {
			return false
		}
		at += m.Width()
	}
	return true
}

func (t *lookup) ordered(e nft.Element) bool {
	return t.members(func(i, j int) bool { return e.Key[i:j] <= e.KeyEnd[i:j] })
}

func (t *lookup) overlap(a, b nft.Element) bool {
	return t.members(func(i, j int) bool { return a.Key[i:j] <= b.KeyEnd[i:j] && b.Key[i:j] <= a.KeyEnd[i:j] })
}

// key is what a rule looks up: bytes, and behind them any of some slots.
type key struct {
	bytes string
	slots int // how many values the slot at the end can take; 0: there is none
}

func (w *walk) set(name string) *lookup {
	t := w.machine.sets[name]
	if t == nil {
		fail("there is no set %s", name)
	}
	return t
}

// key loads the fields of a key.
func (w *walk) key(s *nft.Set, fields []nft.Field) (k key, ok bool) {
	if n := len(fields) - 1; n >= 0 && chance(fields[n]) {
		if len(s.Key) != n+1 || s.Key[n] != nft.Slot {
			fail("the key of %s is no slot, but %s is", s.Name, fields[n])
		}
		k.slots = int(fields[n].Mod)
		for _, of := range fields[n].Of {
			if _, ok := w.load(of); !ok {
				return k, false
			}
		}
		k.bytes, ok = w.values(s.Key[:n], fields[:n], s.Name)
		return k, ok
	}
	k.bytes, ok = w.values(s.Key, fields, s.Name)
	k.bytes = turned(s, k.bytes)
	return k, ok
}

// find looks fields up. Where a slot covers many elements, it takes one of those that
// differ.
func (w *walk) find(set string, fields []nft.Field) (el nft.Element, found bool) {
	el, _, found = w.choose(set, fields)
	return el, found
}

// choose is find, and says how the element was chosen.
func (w *walk) choose(set string, fields []nft.Field) (_ nft.Element, how Choice, found bool) {
	t := w.set(set)
	k, ok := w.key(t.Set, fields)
	if !ok {
		return nft.Element{}, how, false
	}
	if t.Dynamic {
		for _, e := range w.entered {
			if e.Map == set && e.Key == k.bytes {
				return nft.Element{Key: e.Key, Data: e.Data}, how, true
			}
		}
		return nft.Element{}, how, false
	}
	if k.slots == 0 {
		for _, e := range t.candidates(k) {
			return *e, how, true
		}
		return nft.Element{}, how, false
	}
	r, ok := t.known[k]
	if !ok {
		r = t.find(k)
		t.known[k] = r
	}
	n := len(r.found)
	if !r.all {
		n++
	}
	at := 0
	if n > 1 {
		at = w.dice.pick(n)
	}
	if at == len(r.found) {
		return nft.Element{}, how, false
	}
	return *r.found[at], Choice{fields[len(fields)-1], r.shares[at], k.slots}, true
}

func (t *lookup) find(k key) (r result) {
	hit := make([]bool, k.slots)
	hits := 0
	for _, e := range t.candidates(k) {
		share := 0
		first, last := t.slots(e)
		for n := first; n <= last && n < k.slots; n++ {
			if hit[n] {
				fail("map %s has slot %d twice", t.Name, n)
			}
			hit[n] = true
			share++
		}
		hits += share
		at := slices.IndexFunc(r.found, func(o *nft.Element) bool {
			return o.Data == e.Data && o.Verdict == e.Verdict && (t.slot || o.Comment == e.Comment)
		})
		switch {
		case at >= 0:
			r.shares[at] += share
		case share > 0:
			r.found, r.shares = append(r.found, e), append(r.shares, share)
		}
	}
	r.all = hits == k.slots
	return r
}

// candidates returns the elements that hold a key, whatever the slot.
func (t *lookup) candidates(k key) (out []*nft.Element) {
	if !t.Interval {
		if k.slots == 0 && t.slot {
			for _, e := range t.exact[t.fixed(k.bytes)] {
				if e.Key == k.bytes {
					out = append(out, e)
				}
			}
			return out
		}
		return t.exact[k.bytes]
	}
	for i := range t.Elements {
		e := &t.Elements[i]
		if t.members(func(from, to int) bool {
			return from >= len(k.bytes) || e.Key[from:to] <= k.bytes[from:to] && k.bytes[from:to] <= e.KeyEnd[from:to]
		}) {
			out = append(out, e)
		}
	}
	return out
}

// slots returns which slots an element covers.
func (t *lookup) slots(e *nft.Element) (first, last int) {
	at := len(e.Key) - nft.Slot.Width()
	if t.Interval { // compared as big-endian numbers
		return int(binary.BigEndian.Uint32([]byte(e.Key[at:]))), int(binary.BigEndian.Uint32([]byte(e.KeyEnd[at:])))
	}
	n := int(binary.NativeEndian.Uint32([]byte(e.Key[at:])))
	return n, n
}
