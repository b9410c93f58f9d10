package ct

import (
	"net/netip"
	"slices"
)

// Shortage is a pool some laddrs of which have hardly a port left toward some destination, so
// that connections of their clients fail.
type Shortage struct {
	Object string // who uses it: "zone office", "service web"
	Pool   string // "" for laddrs written in line, and for what is in no pool
	Full   []LaddrReport
	All    bool // the pool has no other laddrs
}

// Name returns the pool's name, or for laddrs written in line that of the object.
func (s *Shortage) Name() string {
	if s.Pool == "" {
		return s.Object
	}
	return s.Pool
}

// Shortages lists pools in the report's order. A laddr that several objects use is told of once.
func (r *Report) Shortages() []Shortage {
	var out []Shortage
	told := make(map[netip.Addr]bool)
	for i := range r.Services {
		s := &r.Services[i]
		out = append(out, shortages(told, "service "+s.Name, s.Laddrs, s.AllListed)...)
	}
	for i := range r.Zones {
		z := &r.Zones[i]
		out = append(out, shortages(told, "zone "+z.Name, z.Laddrs, z.AllListed)...)
	}
	return out
}

func shortages(told map[netip.Addr]bool, object string, laddrs []LaddrReport, all bool) (out []Shortage) {
	spare := make(map[string]bool) // pools with laddrs that are not full
	for _, l := range laddrs {
		if l.Severity() == 0 {
			spare[l.Pool] = true
		}
	}
	for _, l := range laddrs {
		if l.Severity() == 0 || told[l.Address] {
			continue
		}
		told[l.Address] = true
		n := slices.IndexFunc(out, func(s Shortage) bool { return s.Pool == l.Pool })
		if n < 0 {
			n = len(out)
			out = append(out, Shortage{Object: object, Pool: l.Pool, All: all && !spare[l.Pool]})
		}
		out[n].Full = append(out[n].Full, l)
	}
	return out
}
