package lint

import (
	"slices"
	"strings"

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
		i := slices.IndexFunc(z.From, isEverything)
		if i < 0 || !translates(z) || len(z.OIf) > 0 || !anywhere(z.To) {
			return
		}
		r.find(z.Item("from", i), object, "write gateway: {uplinks: [wan0]}, or oif: wan0 here, with the interfaces that lead outside",
			"it takes every source, and nothing says which interfaces lead outside: connections between inside networks are translated, too")
	})
}

// ownInside finds zones whose sources hold an address that is the gateway's to give away.
func ownInside(r *run) {
	var lists [][]inet.Range
	var names []string
	own := func(rs []inet.Range, name string) {
		lists, names = append(lists, rs), append(names, name)
	}
	r.eachService(func(s *policy.Service, object string) {
		vips := make([]inet.Range, len(s.VIP))
		for i, vip := range s.VIP {
			vips[i] = inet.AddrRange(vip)
		}
		own(vips, "the VIP of "+object)
	})
	for _, p := range r.given() {
		own(p.ranges(), "a laddr of "+p.object)
	}
	index := ownersOf(lists)
	r.eachZone(func(z *policy.Zone, object string) {
		for i, source := range z.From {
			if o, ok := index.first(source); ok && !isEverything(source) {
				part := common(o.Range, source)
				r.find(z.Item("from", i), object, "take "+part.String()+" out of its sources, or correct it where it is given away",
					"its sources hold %s, %s: no client has that address", part, names[o.Owner])
				return
			}
		}
	})
}

// private are the destinations that lie inside some network, not on the internet (RFC 1918,
// RFC 4193).
func private(f inet.Family) []inet.Range {
	if f == inet.V6 {
		return []inet.Range{inet.MustRange("fc00::/7")}
	}
	return []inet.Range{inet.MustRange("10.0.0.0/8"), inet.MustRange("172.16.0.0/12"), inet.MustRange("192.168.0.0/16")}
}

func privateTranslated(r *run) {
	inside := map[inet.Family][]inet.Range{inet.V4: private(inet.V4), inet.V6: private(inet.V6)}
	r.eachZone(func(z *policy.Zone, object string) {
		if !translates(z) {
			return
		}
		var missing []inet.Range
		for _, f := range inet.Families {
			if len(inet.Of(f, z.From)) == 0 {
				continue
			}
			reached := inside[f]
			if len(z.To) > 0 {
				reached = inet.Intersect(reached, z.To)
			}
			if len(inet.Intersect(reached, z.Exclude)) == 0 {
				missing = append(missing, reached...)
			}
		}
		if len(missing) > 0 {
			r.find(z.At("exclude"), object, "write exclude: "+list(append(slices.Clone(z.Exclude), missing...)),
				"its connections to private destinations (%s) are translated, too: tunnels and inside servers see laddrs instead of clients", plainList(missing))
		}
	})
}

// list writes ranges as YAML wants them.
func list(rs []inet.Range) string {
	texts := make([]string, len(rs))
	for i, r := range rs {
		texts[i] = r.String()
		if strings.Contains(texts[i], ":") {
			texts[i] = `"` + texts[i] + `"`
		}
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// plainList writes ranges with commas between, a few of many.
func plainList(rs []inet.Range) string {
	const few = 4
	texts := make([]string, 0, few+1)
	for i, r := range rs {
		if i == few {
			texts = append(texts, "...")
			break
		}
		texts = append(texts, r.String())
	}
	return strings.Join(texts, ", ")
}

// serversStay finds families whose real servers can answer but not call.
func serversStay(r *run) {
	if r.Gateway.Unmatched == policy.Accept {
		return
	}
	var zones [2]bool
	for i := range r.Zones {
		for _, source := range r.Zones[i].From {
			zones[index(source.Family())] = true
		}
	}
	r.eachService(func(s *policy.Service, object string) {
		for _, rs := range s.RealServers {
			f := inet.FamilyOf(rs.Addr)
			if zones[index(f)] {
				continue
			}
			zones[index(f)] = true // said once
			r.find(r.Gateway.At("unmatched"), "gateway", "add a zone for them, with laddrs or action: accept",
				"unmatched: %s, and no zone has %s sources: connections that real servers such as %s of %s begin themselves are refused (updates, name lookups)",
				r.Gateway.Unmatched, f, rs.Addr, object)
		}
	})
}

func index(f inet.Family) int {
	if f == inet.V6 {
		return 1
	}
	return 0
}
