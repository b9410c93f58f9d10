package tell

import (
	"cmp"
	"fmt"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// touchedBy finds the objects that a plan's elements belong to.
func touchedBy(live, want *nft.Ruleset, plan nft.Plan) touched {
	t := touched{zones: make(map[string]bool), services: make(map[string]bool), pools: make(map[string]bool), slots: make(map[string]bool)}
	if plan.Whole == nft.Create {
		t.all = true
		return t
	}
	var was, will owners
	for _, op := range plan.Ops {
		if op.Flowtable != nil || op.Object != nil {
			continue
		}
		if op.Set == nil {
			if zone, ok := conditionalChain(op.Chain.Name); ok {
				t.zones[zone] = true
			}
			if pool, ok := poolNameOf(op.Chain.Name); ok && pool != "" {
				t.pools[pool] = true
			}
			continue
		}
		n, _ := layout.ParseSet(op.Set.Name)
		t.owned(n)
		if n.Kind.HoldsSlots() && was == nil {
			was, will = ownersOf(live), ownersOf(want)
		}
		for mark, e := range op.Marked() {
			owner, more := layout.SplitOwner(e.Comment)
			if n.Kind.HoldsSlots() {
				owner, more = cmp.Or(will.of(op.Set, e), was.of(op.Set, e)), ""
			}
			t.stray(mark, op.Set, n.Kind, e, owner)
			t.element(n, owner, more)
			if n.Kind == layout.Exclude {
				t.excluding(live, n.Object.Name)
				t.excluding(want, n.Object.Name)
			}
		}
	}
	delete(t.zones, "")
	delete(t.services, "")
	delete(t.pools, "")
	return t
}

// conditionalChain returns the zone with conditions that a chain belongs to.
func conditionalChain(name string) (zone string, ok bool) {
	n, _ := layout.ParseChain(name)
	return n.Object.Name, n.Kind == layout.ChainZone || n.Kind == layout.ChainRefuseZone
}

// owned notes the object that a set belongs to alone.
func (t *touched) owned(n layout.Name) {
	switch n.Kind {
	case layout.Table:
		t.services[n.Object.Name] = true
		t.slots[n.Object.Name] = true
	case layout.Ports, layout.IIf, layout.OIf, layout.To, layout.Exclude:
		t.zones[n.Object.Name] = true
	case layout.Drained, layout.Pool:
		t.ownPool(n.Object)
	}
}

// element notes the objects that an element of a set belongs to.
func (t *touched) element(n layout.Name, owner, more string) {
	switch n.Kind {
	case layout.Turns, layout.Slots:
		t.services[owner] = true
		t.slots[owner] = true
	case layout.Servers:
		t.services[owner] = true
		return // more is a weight
	case layout.Conditions:
		t.zones[owner] = true
		return // more is conditions
	case layout.Over:
		t.limited(n, owner)
		return // more is a limit
	case layout.LimitedZones, layout.LimitedRejects, layout.Ways, layout.WayConditional, layout.Laddrless:
		t.zones[owner] = true
	case layout.Services, layout.Limited, layout.Admitted, layout.Helpers, layout.Onward, layout.Laddrs, layout.LaddrsIn, layout.Scheduled, layout.Marks, layout.AfterMark, layout.Permitted, layout.Remember, layout.Hairpin, layout.Proxied, layout.Handshakes, layout.NoChance, layout.TimedServices:
		t.services[owner] = true
	case layout.Timed, layout.Segments, layout.Excludes, layout.ZoneHelpers, layout.Inbound, layout.Conditional, layout.Elsewhere:
		t.zones[owner] = true
	default:
		if n.Kind.BySource() {
			t.zones[owner] = true
		}
	}
	if more != "" {
		t.pools[more] = true
	}
}

// limited notes whose limit it is.
func (t touched) limited(n layout.Name, owner string) {
	if n.Variant.Zones {
		t.zones[owner] = true
		return
	}
	t.services[owner] = true
}

// stray notes an element that belongs to no object: somebody added it by hand. What no zone
// matches is entered without an owner too.
func (t *touched) stray(mark nft.Mark, s *nft.Set, kind layout.Kind, e *nft.Element, owner string) {
	switch {
	case owner != "" || s.Data == nft.NoData || kind == layout.Pool || kind == layout.Table || leads(kind, e.Verdict):
	case kind == layout.Rejects && e.Verdict.Chain == layout.ChainRefused.String():
		t.unmatched = true
	case mark == nft.Delete:
		t.strays = append(t.strays, fmt.Sprintf("- element %s of %s, which is not the policy's", s.ElementString(*e), s.Name))
	}
}

// leads tells whether it is an element about an uplink.
func leads(kind layout.Kind, v nft.Verdict) bool {
	switch layout.KindOfChain(v.Chain) {
	case layout.ChainTo, layout.ChainBack:
		return kind == layout.Marked
	case layout.ChainFrom:
		return kind == layout.Entering
	case layout.ChainVia:
		return kind == layout.Choice
	case layout.ChainOut:
		return kind == layout.Leaving
	}
	return false
}

// ownPool notes the object that a pool belongs to, or the pool if it has a name.
func (t touched) ownPool(of layout.Object) {
	switch of.Of {
	case layout.OfZone:
		t.zones[of.Name] = true
	case layout.OfService:
		t.services[of.Name] = true
	case layout.OfPool:
		t.pools[of.Name] = true
	}
}

// excluding notes the zones that use a list of excluded destinations.
func (t touched) excluding(r *nft.Ruleset, first string) {
	if r == nil {
		return
	}
	chain := layout.ChainExclude.Own(0, first).String()
	for _, s := range r.Sets {
		if layout.KindOfSet(s.Name) != layout.Excludes {
			continue
		}
		for _, e := range s.Elements {
			if e.Verdict.Chain == chain {
				t.zones[e.Comment] = true
			}
		}
	}
}
