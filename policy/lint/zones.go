package lint

import (
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// eachZone calls fn for every zone, with its name as findings have it.
func (r *run) eachZone(fn func(z *policy.Zone, object string)) {
	if r.zoneNames == nil {
		r.zoneNames = make([]string, len(r.Zones))
		for i := range r.Zones {
			r.zoneNames[i] = "zone " + r.Zones[i].Name
		}
	}
	for i := range r.Zones {
		fn(&r.Zones[i], r.zoneNames[i])
	}
}

// translates tells whether the zone changes sources to other than its own mapping's.
func translates(z *policy.Zone) bool {
	return z.Action == policy.Masquerade || z.Action == policy.Snat && z.Map.Family() == 0
}

// isEverything tells whether a range is a whole family.
func isEverything(r inet.Range) bool { return r == inet.Everything(r.Family()) }

// anywhere tells whether a list of sources or destinations holds a whole family, or is empty
// and so any.
func anywhere(rs []inet.Range) bool {
	return len(rs) == 0 || slices.ContainsFunc(inet.Merge(rs), isEverything)
}

func catchAllInside(r *run) {
	if len(r.Gateway.Uplinks) > 0 {
		return
	}
	r.eachZone(func(z *policy.Zone, object string) {
		if !translates(z) || len(z.OIf) > 0 || !anywhere(z.From) || !anywhere(z.To) {
			return
		}
		at := z.At("from") // of a family written in parts: 0.0.0.0/1, 128.0.0.0/1
		if i := slices.IndexFunc(z.From, isEverything); i >= 0 {
			at = z.Item("from", i)
		}
		r.find(at, object, "write gateway: {uplinks: [wan0]}, or oif: wan0 here, with the interfaces that lead outside",
			"it takes every source, and nothing says which interfaces lead outside: connections between inside networks are also translated")
	})
}

// ownInside finds zones whose sources hold an address that is the gateway's to give away.
func ownInside(r *run) {
	if len(r.Zones) == 0 {
		return
	}
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
	beside := r.besideServers()
	for _, p := range r.given() {
		own(inet.Subtract(p.ranges(), beside[p.Pool]), "a laddr of "+p.object)
	}
	index := ownersOf(lists)
	r.eachZone(func(z *policy.Zone, object string) {
		for i, source := range z.From {
			if o, ok := index.first(source); ok && !isEverything(source) {
				part := common(o.Range, source)
				r.find(z.Item("from", i), object, "remove "+part.String()+" from its sources, or correct the VIP or pool",
					"its sources contain %s, %s: no client has that address", part, names[o.Owner])
				return
			}
		}
	})
}

// besideServers returns, by pool, the networks of the real servers that FULLNAT services call
// with its laddrs. Laddrs there are meant to be in a network that clients are in, too: so
// clients and real servers of one network get along (S10), and no zone is asked about what a
// service sent on. Pools of zones are none of these.
func (r *run) besideServers() map[*policy.Pool][]inet.Range {
	out := make(map[*policy.Pool][]inet.Range)
	r.eachService(func(s *policy.Service, _ string) {
		if s.Mode != policy.FullNAT || s.Laddrs == nil {
			return
		}
		for _, rs := range s.RealServers {
			out[s.Laddrs] = append(out[s.Laddrs], onLink(rs.Addr))
		}
	})
	r.eachZone(func(z *policy.Zone, _ string) {
		for _, p := range z.Pools() {
			delete(out, p)
		}
	})
	return out
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
				"unmatched: %s, and no zone has %s sources: connections that real servers such as %s of %s open themselves are refused (updates, name lookups)",
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
