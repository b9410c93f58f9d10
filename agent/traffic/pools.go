package traffic

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

// poolOf names the pool of a zone or service: those in line by who has them.
func poolOf(pools []ct.Pool, object string) string {
	if len(pools) > 0 {
		return cmp.Or(pools[0].Name, object)
	}
	return object
}

// poolsOf lists the pools, by name.
func poolsOf(a *gateway.Accounted, failures map[string]uint64) []Pool {
	all := make(map[string]map[netip.Addr]Laddr)
	pool := func(name string) map[netip.Addr]Laddr {
		if all[name] == nil {
			all[name] = make(map[netip.Addr]Laddr)
		}
		return all[name]
	}
	enter := func(object string, laddrs []ct.LaddrReport) {
		for _, l := range laddrs {
			of, laddrs := Laddr{LaddrReport: l}, pool(cmp.Or(l.Pool, object))
			of.Flows += laddrs[l.Address].Flows
			if l.Capacity > 0 {
				of.Fill = float64(l.Ports) / float64(l.Capacity)
			}
			laddrs[l.Address] = of
		}
	}
	for i := range a.Services {
		enter("service "+a.Services[i].Name, a.Services[i].Laddrs)
	}
	for i := range a.Zones {
		enter("zone "+a.Zones[i].Name, a.Zones[i].Laddrs)
	}
	for _, z := range a.Picture.Bindings.Zones {
		if translates(&z) {
			pool(poolOf(z.Pools, "zone "+z.Name))
		}
	}
	for _, s := range a.Picture.Bindings.Services {
		if len(s.Pools) > 0 {
			pool(poolOf(s.Pools, "service "+s.Name))
		}
	}
	out := make([]Pool, 0, len(all))
	for name, laddrs := range all {
		pool := Pool{Name: name, Laddrs: make([]Laddr, 0, len(laddrs)), Failures: failures[name]}
		for _, l := range laddrs {
			pool.Laddrs = append(pool.Laddrs, l)
			pool.Fullest = max(pool.Fullest, l.Fill)
		}
		slices.SortFunc(pool.Laddrs, func(a, b Laddr) int { return a.Address.Compare(b.Address) })
		out = append(out, pool)
	}
	slices.SortFunc(out, func(a, b Pool) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// translates tells whether a zone's connections take ports.
func translates(z *ct.Zone) bool { return z.Action == "snat" || z.Action == "masquerade" }
