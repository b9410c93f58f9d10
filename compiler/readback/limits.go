package readback

import (
	"cmp"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/nft"
)

// limitKeys are the policy's keys for what limits bound, in the order in which they are asked.
var limitKeys = []struct{ over, key string }{
	{layout.OverRate, "new_per_client"}, {layout.OverClient, "connections_per_client"}, {layout.OverConnections, "connections"},
}

// readLimits reads the limits of services, or of zones, and what they have refused.
func (rd *reading) readLimits(zones bool, of func(name string) *[]ct.Limit) {
	for _, k := range limitKeys {
		rd.each(func(s *nft.Set, e *nft.Element) {
			if v := rd.names[s].Variant; v.Zones != zones || v.Over != k.over {
				return
			}
			name, bound := layout.SplitOwner(e.Comment)
			list := of(name)
			if list == nil {
				return
			}
			*list = append(*list, ct.Limit{Key: k.key, Bound: bound, Action: actionBy(e.Verdict), Refused: e.Packets})
		}, layout.Over)
	}
}

// LimitsText says what limits bound: "connections 100, beyond: drop".
func LimitsText(limits []ct.Limit) string {
	text := ""
	for i, l := range limits {
		if i > 0 {
			text += ", "
		}
		text += l.Key + " " + l.Bound
	}
	if len(limits) > 0 {
		text += ", beyond: " + limits[0].Action
	}
	return text
}

// LimitsChange says how limits change, in one text or none; an object whose limits do counts anew.
func LimitsChange(was, will []ct.Limit) []string {
	if sameLimits(was, will) {
		return nil
	}
	return []string{cmp.Or(LimitsText(was), "no limits") + " → " + cmp.Or(LimitsText(will), "no limits")}
}

// sameLimits tells whether two objects have the same limits, whatever they have refused.
func sameLimits(a, b []ct.Limit) bool {
	return slices.EqualFunc(a, b, func(a, b ct.Limit) bool { return a.Key == b.Key && a.Bound == b.Bound && a.Action == b.Action })
}
