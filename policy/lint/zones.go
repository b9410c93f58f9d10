package lint

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// eachZone calls fn for every zone, with its name as findings have it.
func (r *run) eachZone(fn func(z *policy.Zone, object string)) {
	for i := range r.Zones {
		fn(&r.Zones[i], "zone "+r.Zones[i].Name)
	}
}

// translates tells whether the zone changes sources to other than its own mapping's.
func translates(z *policy.Zone) bool {
	return z.Action == policy.Masquerade || z.Action == policy.Snat && z.Map.Family() == 0
}

// isEverything tells whether a range is a whole family.
func isEverything(r inet.Range) bool { return r == inet.Everything(r.Family()) }

// anywhere tells whether a list of destinations holds a whole family, or is empty and so
// any destination.
func anywhere(to []inet.Range) bool {
	return len(to) == 0 || slices.ContainsFunc(inet.Merge(to), isEverything)
}

func catchAllInside(r *run) {
	if len(r.Gateway.Uplinks) > 0 {
		return
	}
	r.eachZone(func(z *policy.Zone, object string) {
		if !translates(z) || len(z.OIf) > 0 || !anywhere(z.To) || !slices.ContainsFunc(z.From, isEverything) {
			return
		}
		r.find(z.At("from"), object, "write gateway: {uplinks: [wan0]}, or oif: wan0 here, with the interfaces that lead outside",
			"it takes every source, and nothing says which interfaces lead outside: connections between inside networks are translated, too")
	})
}
