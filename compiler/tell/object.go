package tell

import (
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// ObjectsOf names the policy objects that a part of a plan carries, as in "service web"; ""
// where it belongs to none, or to all. live is nil where there is no table yet.
func ObjectsOf(live, want *nft.Ruleset, part nft.Op) string {
	if part.Set == nil && part.Chain == nil {
		return ""
	}
	t := touchedBy(live, want, nft.Plan{Ops: []nft.Op{part}})
	var names []string
	for _, of := range []struct {
		kind  Kind
		names map[string]bool
	}{{KindZone, t.zones}, {KindService, t.services}, {KindPool, t.pools}} {
		for _, name := range slices.SortedFunc(maps.Keys(of.names), layout.CompareNatural) {
			if of.names[name] {
				names = append(names, string(of.kind)+" "+name)
			}
		}
	}
	return strings.Join(names, ", ")
}
