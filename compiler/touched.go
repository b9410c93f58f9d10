package compiler

import (
	"cmp"
	"fmt"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// touchedBy finds the objects that a plan's elements belong to.
func touchedBy(live, want *nft.Ruleset, plan nft.Plan) touched {
	t := touched{zones: make(map[string]bool), services: make(map[string]bool), pools: make(map[string]bool), slots: make(map[string]bool)}
	var was, will owners
	for _, op := range plan.Ops {
		if op.Flowtable != nil {
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
		name := op.Set.Name
		if isKind(name, layout.Table) {
			t.services[variantOf(name)] = true
			t.slots[variantOf(name)] = true
		}
		switch n, _ := layout.ParseSet(name); n.Kind {
		case layout.Ports, layout.IIf, layout.OIf, layout.To, layout.Exclude:
			t.zones[n.Object.Name] = true
		case layout.Drained:
			t.ownPool(n.Object)
		}
		if pool, ok := poolNameOf(name); ok {
			t.pools[pool] = pool != ""
			if n, _ := layout.ParseSet(name); pool == "" {
				t.ownPool(n.Object)
			}
		}
		if isSlots(name) && was == nil {
			was, will = ownersOf(live), ownersOf(want)
		}
		for mark, e := range op.Marked() {
			owner, pool := splitOwner(e.Comment)
			switch {
			case isSlots(name):
				owner, pool = cmp.Or(will.of(*e), was.of(*e)), ""
			case isKind(name, layout.Servers), name == layout.Conditions.String():
				pool = "" // a weight, or conditions, stand there
			}
			t.stray(mark, op.Set, *e, owner)
			switch {
			case isSlots(name):
				t.services[owner] = true
				t.slots[owner] = true
			case isKind(name, layout.Services), isKind(name, layout.Servers), isKind(name, layout.Laddrs), isKind(name, layout.LaddrsIn),
				isKind(name, layout.Scheduled), isKind(name, layout.Permitted), isKind(name, layout.Remember):
				t.services[owner] = true
			case isBySource(name), isKind(name, layout.Excludes), isKind(name, layout.Inbound), isKind(name, layout.Conditional), isKind(name, layout.Elsewhere), name == layout.Conditions.String():
				t.zones[owner] = true
			case isKind(name, layout.Exclude):
				t.excluding(live, name)
				t.excluding(want, name)
			}
			if pool != "" {
				t.pools[pool] = true
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

// stray notes an element that belongs to no object: somebody added it by hand. What no zone
// matches is entered without an owner too.
func (t *touched) stray(mark nft.Mark, s *nft.Set, e nft.Element, owner string) {
	name := s.Name
	switch {
	case owner != "" || s.Data == nft.NoData || isKind(name, layout.Pool) || isKind(name, layout.Table):
	case isKind(name, layout.Rejects) && e.Verdict.Chain == layout.ChainRefused.String():
		t.unmatched = true
	case mark == nft.Delete:
		t.strays = append(t.strays, fmt.Sprintf("- element %s of %s, which is not the policy's", s.ElementString(e), name))
	}
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
func (t touched) excluding(r *nft.Ruleset, set string) {
	if r == nil {
		return
	}
	chain := layout.ChainExclude.Own(0, variantOf(set)).String()
	for _, s := range r.Sets {
		if !isKind(s.Name, layout.Excludes) {
			continue
		}
		for _, e := range s.Elements {
			if e.Verdict.Chain == chain {
				t.zones[e.Comment] = true
			}
		}
	}
}
