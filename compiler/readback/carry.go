package readback

import (
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// Carry returns a plan whose new slots begin with what their real servers have counted in the
// slots that go: a real server that drains moves others to other slots, and its own count to where
// its weight is. What else counts goes on where its set is made anew. Without it the count of new
// connections would begin anew. Packets between the reading of the table and the commit are not counted.
func Carry(plan nft.Plan) nft.Plan {
	return carryServers(carryKeys(plan))
}

// carryKeys has the elements of a set that is made anew, but for those that count for real servers, go on
// from what they have counted.
func carryKeys(plan nft.Plan) nft.Plan {
	lost := make(map[string][]nft.Element)
	for _, o := range plan.Ops {
		if o.Mark == nft.Delete && o.Set != nil && o.Elements == nil && o.Set.Counter && !counts(o.Set) {
			lost[o.Set.Name] = o.Set.Elements
		}
	}
	if len(lost) == 0 {
		return plan
	}
	plan.Ops = slices.Clone(plan.Ops)
	for i, o := range plan.Ops {
		if o.Mark != nft.Add || o.Set == nil || o.Elements == nil || lost[o.Set.Name] == nil {
			continue
		}
		was := make(map[string]*nft.Element, len(lost[o.Set.Name]))
		for n := range lost[o.Set.Name] {
			e := &lost[o.Set.Name][n]
			was[e.Key] = e
		}
		elements := slices.Clone(o.Elements)
		for n := range elements {
			if e := was[elements[n].Key]; e != nil && e.KeyEnd == elements[n].KeyEnd {
				elements[n].Packets, elements[n].Bytes = e.Packets, e.Bytes
			}
		}
		plan.Ops[i].Elements = elements
	}
	return plan
}

func carryServers(plan nft.Plan) nft.Plan {
	lost := make(map[string]count)
	for i := range plan.Ops {
		o := &plan.Ops[i]
		if o.Mark != nft.Delete || o.Set == nil || !counts(o.Set) {
			continue
		}
		for n := range o.Elements {
			if e := &o.Elements[n]; e.Packets > 0 {
				if at := serverOf(o.Set, e); at != "" {
					lost[at] = count{lost[at].packets + e.Packets, lost[at].bytes + e.Bytes}
				}
			}
		}
	}
	if len(lost) == 0 {
		return plan
	}
	plan.Ops = slices.Clone(plan.Ops)
	own := persistent(plan.Want.Ruleset())
	for _, slots := range []bool{true, false} { // a slot of the server's before its weight
		for i := range plan.Ops {
			if o := &plan.Ops[i]; o.Mark != nft.Delete && o.Set != nil && o.Set.Counter && o.Set.HasSlot() == slots && counts(o.Set) {
				o.Elements = give(o.Set, o.Elements, lost, own)
			}
		}
	}
	if len(lost) > 0 {
		plan.Ops = append(plan.Ops, keep(plan.Want.Ruleset(), lost, own)...)
	}
	return plan
}

// keep adds what was lost to elements that the plan leaves alone: a real server may lose one of its
// slots and get no other.
func keep(want *nft.Ruleset, lost map[string]count, own map[string]bool) (ops []nft.Op) {
	for _, slots := range []bool{true, false} {
		for _, s := range want.Sets {
			if !s.Counter || s.HasSlot() != slots || !counts(s) {
				continue
			}
			o := nft.Op{Mark: nft.Change, Set: s}
			for i := range s.Elements {
				e := s.Elements[i : i+1]
				if now := give(s, e, lost, own); &now[0] != &e[0] {
					o.Was, o.Elements = append(o.Was, e[0]), append(o.Elements, now[0])
				}
			}
			if len(o.Elements) > 0 {
				ops = append(ops, o)
			}
			if len(lost) == 0 {
				return ops
			}
		}
	}
	return ops
}

type count struct{ packets, bytes uint64 }

// give adds what was lost to the first element of each real server, but to none that counts on
// its own.
func give(s *nft.Set, elements []nft.Element, lost map[string]count, own map[string]bool) []nft.Element {
	cloned := false
	for n := range elements {
		at := serverOf(s, &elements[n])
		c, ok := lost[at]
		if !ok {
			continue
		}
		if service, _ := layout.SplitOwner(elements[n].Comment); !s.HasSlot() && own[service] {
			continue
		}
		if !cloned {
			elements, cloned = slices.Clone(elements), true
		}
		elements[n].Packets, elements[n].Bytes = elements[n].Packets+c.packets, elements[n].Bytes+c.bytes
		delete(lost, at)
	}
	return elements
}

// counts tells whether a set's elements count for real servers.
func counts(s *nft.Set) bool {
	k := layout.KindOfSet(s.Name)
	return k == layout.Servers || k.HoldsSlots()
}

// persistent lists the services whose packets meet both a slot and a real server's own element. The
// latter counts alone.
func persistent(r *nft.Ruleset) map[string]bool {
	out := make(map[string]bool)
	for _, s := range r.Sets {
		if layout.KindOfSet(s.Name) == layout.Remember {
			for i := range s.Elements {
				out[s.Elements[i].Comment] = true
			}
		}
	}
	return out
}

// serverOf names the real server, with the front at which it is called, that an element of slots
// or of servers counts for. Where the two are written differently they are not one.
func serverOf(s *nft.Set, e *nft.Element) string {
	if s.HasSlot() {
		return layout.SlotFront(e) + "|" + e.Data
	}
	at := serverAt(s)
	if at == 0 || len(e.Key) < at {
		return ""
	}
	front := e.Key[:at]
	if len(e.KeyEnd) >= at {
		front += e.KeyEnd[:at]
	}
	return front + "|" + e.Key[at:]
}

// serverAt is where the address of the real server begins in the key of a set of servers.
func serverAt(s *nft.Set) (at int) {
	for i, t := range s.Key {
		if i > 0 && (t == nft.IPv4 || t == nft.IPv6) {
			return at
		}
		at += t.Width()
	}
	return 0
}
