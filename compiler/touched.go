package compiler

import (
	"cmp"
	"fmt"
	"strings"

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
		if isKind(name, mapTable) {
			t.services[variantOf(name)] = true
			t.slots[variantOf(name)] = true
		}
		for _, base := range []string{setPorts, setIIf, setOIf} {
			if zone, ok := strings.CutPrefix(name, base); ok {
				t.zones[zone] = true
			}
		}
		for _, base := range []string{setTo, setExclude} {
			if isKind(name, base) {
				t.zones[variantOf(name)] = true
			}
		}
		if isKind(name, setDrained) {
			if _, pool, _ := strings.Cut(name, "/"); strings.Contains(pool, "/") {
				t.inline(name)
			} else {
				t.pools[pool] = true
			}
		}
		if pool, ok := poolNameOf(name); ok {
			t.pools[pool] = pool != ""
			if pool == "" {
				t.inline(name)
			}
		}
		if isSlots(name) && was == nil {
			was, will = ownersOf(live), ownersOf(want)
		}
		for _, e := range op.Elements {
			owner, pool := splitOwner(e.Comment)
			switch {
			case isSlots(name):
				owner, pool = cmp.Or(will.of(e), was.of(e)), ""
			case isKind(name, setServers), name == setConditions:
				pool = "" // a weight, or conditions, stand there
			}
			t.stray(op, e, owner)
			switch {
			case isSlots(name):
				t.services[owner] = true
				t.slots[owner] = true
			case isKind(name, mapServices), isKind(name, setServers), isKind(name, mapLaddrs), isKind(name, mapLaddrsIn),
				isKind(name, mapScheduled), isKind(name, mapPermitted), isKind(name, mapRemember):
				t.services[owner] = true
			case isBySource(name), isKind(name, mapExcludes), isKind(name, mapInbound), isKind(name, mapConditional), isKind(name, mapElsewhere), name == setConditions:
				t.zones[owner] = true
			case strings.HasPrefix(name, setExclude):
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
	name = strings.TrimPrefix(name, whereRefused.name)
	zone, ok = strings.CutPrefix(name, chainZone)
	return strings.TrimSuffix(zone, "/does"), ok
}

// stray notes an element that belongs to no object: somebody added it by hand. What no zone
// matches is entered without an owner too.
func (t *touched) stray(op nft.Op, e nft.Element, owner string) {
	name := op.Set.Name
	switch {
	case owner != "" || op.Set.Data == nft.NoData || isKind(name, chainPool) || isKind(name, mapTable):
	case isKind(name, mapRejects) && e.Verdict.Chain == chainRefused:
		t.unmatched = true
	case op.Mark == nft.Delete:
		t.strays = append(t.strays, fmt.Sprintf("- element %s of %s, which is not the policy's", op.Set.ElementString(e), name))
	}
}

// inline notes the zone or service whose own pool a map holds.
func (t touched) inline(mapName string) {
	parts := strings.Split(mapName, "/")
	if n := len(parts); n >= 3 && parts[n-2] == "zone" {
		t.zones[parts[n-1]] = true
	} else if n >= 3 {
		t.services[parts[n-1]] = true
	}
}

// excluding notes the zones that use a list of excluded destinations.
func (t touched) excluding(r *nft.Ruleset, set string) {
	if r == nil {
		return
	}
	chain := chainExclude + variantOf(set)
	for _, s := range r.Sets {
		if !isKind(s.Name, mapExcludes) {
			continue
		}
		for _, e := range s.Elements {
			if e.Verdict.Chain == chain {
				t.zones[e.Comment] = true
			}
		}
	}
}
