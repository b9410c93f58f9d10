package rfc

import (
	"slices"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// zones makes a judge of what holds for single zones: it holds for a policy if it does for one of those that
// translate, and names them.
func zones(holds func(*policy.Policy, *policy.Zone) bool) judge {
	return func(p *policy.Policy) (bool, []string) {
		var found []string
		for i := range p.Zones {
			if z := &p.Zones[i]; z.ChangesSource() && holds(p, z) {
				found = append(found, "zone "+z.Name)
			}
		}
		return len(found) > 0, found
	}
}

// mapped tells whether a zone is one to one: addresses change, ports do not.
func mapped(z *policy.Zone) bool { return z.Map.From.IsValid() }

// noNAT tells whether a policy translates no sources.
func noNAT(p *policy.Policy) bool {
	return !slices.ContainsFunc(p.Zones, func(z policy.Zone) bool { return z.ChangesSource() })
}

// allMapped holds where every zone that translates is a map, and there is one.
func allMapped(p *policy.Policy) (bool, []string) {
	some, names := zones(func(_ *policy.Policy, z *policy.Zone) bool { return mapped(z) })(p)
	others, _ := zones(func(_ *policy.Policy, z *policy.Zone) bool { return !mapped(z) })(p)
	return some && !others, names
}

// pooled holds for the zones one of whose pools is such.
func pooled(such func(*policy.Pool) bool) judge {
	return zones(func(_ *policy.Policy, z *policy.Zone) bool { return slices.ContainsFunc(z.Pools(), such) })
}

// everyPool tells whether a zone has pools, and all of them are such.
func everyPool(z *policy.Zone, such func(*policy.Pool) bool) bool {
	pools := z.Pools()
	return len(pools) > 0 && !slices.ContainsFunc(pools, func(p *policy.Pool) bool { return !such(p) })
}

// shorter holds for the zones, and for the gateway where no zone stands for it, one of whose states has a
// timeout below a least one.
func shorter(least time.Duration, states ...string) judge {
	return zones(func(p *policy.Policy, z *policy.Zone) bool {
		return leastOf(p.ZoneTimeouts(z), states) < least
	})
}

// leastOf returns the shortest timeout of some states: the kernel's own where the policy says nothing.
func leastOf(t policy.Timeouts, states []string) time.Duration {
	least := policy.MostTimeout
	for i, s := range policy.FlowStates() {
		if !slices.Contains(states, s.Key) {
			continue
		}
		d := t[i]
		if d == 0 {
			d = s.Kernel
		}
		least = min(least, d)
	}
	return least
}

// either holds where one of two judges does, about the objects of both.
func either(a, b judge) judge {
	return func(p *policy.Policy) (bool, []string) {
		one, some := a(p)
		other, more := b(p)
		for _, o := range more {
			if !slices.Contains(some, o) {
				some = append(some, o)
			}
		}
		return one || other, some
	}
}
