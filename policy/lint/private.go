package lint

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// private are the destinations that lie inside some network, not on the internet (RFC 1918,
// RFC 4193).
func private(f inet.Family) []inet.Range {
	if f == inet.V6 {
		return []inet.Range{inet.MustRange("fc00::/7")}
	}
	return []inet.Range{inet.MustRange("10.0.0.0/8"), inet.MustRange("172.16.0.0/12"), inet.MustRange("192.168.0.0/16")}
}

// privateTranslated finds zones that translate on the way to private destinations as they do
// on the way to all others. Who lists these destinations alone means them, and who leaves some
// as they are, by `exclude` or by a zone before, has thought of them.
func privateTranslated(r *run) {
	inside := map[inet.Family][]inet.Range{inet.V4: private(inet.V4), inet.V6: private(inet.V6)}
	before := r.leftAlone(inside)
	for i := range r.Zones {
		z := &r.Zones[i]
		if !translates(z) {
			continue
		}
		var missing []inet.Range
		for _, f := range inet.Families {
			sources, to, reached := inet.Of(f, z.From), inet.Of(f, z.To), inside[f]
			if len(sources) == 0 || len(z.To) > 0 && len(inet.Subtract(to, reached)) == 0 {
				continue
			}
			if len(z.To) > 0 {
				reached = inet.Intersect(reached, to)
			}
			if len(inet.Intersect(reached, z.Exclude)) == 0 && !before.hold(sources, i) {
				missing = append(missing, reached...)
			}
		}
		if len(missing) > 0 {
			r.find(z.At("exclude"), "zone "+z.Name, "write exclude: "+list(append(slices.Clone(z.Exclude), missing...)),
				"its connections to private destinations (%s) are also translated: tunnels and inside servers see laddrs instead of clients", plainList(missing))
		}
	}
}

// leftAlone says which sources go to some private destination untranslated, by a zone that
// accepts: one whose destinations hold such, or one for the interface of a tunnel.
func (r *run) leftAlone(inside map[inet.Family][]inet.Range) owners {
	lists := make([][]inet.Range, len(r.Zones))
	for i := range r.Zones {
		z := &r.Zones[i]
		if z.Action != policy.Accept || len(z.Ports) > 0 || len(z.IIf) > 0 {
			continue
		}
		for _, f := range inet.Families {
			if len(z.To) == 0 && len(z.OIf) > 0 || len(inet.Intersect(inside[f], z.To)) > 0 {
				lists[i] = append(lists[i], inet.Of(f, z.From)...)
			}
		}
	}
	return ownersOf(lists)
}
