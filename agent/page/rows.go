package page

import (
	"slices"

	"github.com/snatctl/snatctl/agent/traffic"
)

// rest is what is left out, and where it is shown.
type rest struct{ Text, Link string }

// few are the first of a list, and how many are left out.
func few[T any](all []T, n int) ([]T, int) {
	n = min(n, len(all))
	return all[:n], len(all) - n
}

// row of the services: what is shown below it.
type serviceRow struct {
	*Service
	Servers []*Server
	Laddrs  []*Laddr // of one that is asked for alone all, of others those that are nearly full
	More    *rest
	Past    []Rate
}

// zoneRow is the same of zones.
type zoneRow struct {
	*Zone
	Laddrs []*Laddr
	More   *rest
	Past   []Rate
}

// ServiceRows are the services of the page.
func (v *View) ServiceRows() (out []serviceRow) {
	for _, s := range v.Services.Rows {
		r := serviceRow{Service: s, Servers: s.Servers(), Laddrs: s.Laddrs(), Past: v.Whole.Past(traffic.Object{Kind: "service", Name: s.Name})}
		if v.Query.Service == "" {
			var left int
			if r.Servers, left = few(r.Servers, fewServers); left > 0 {
				r.More = &rest{many(left, "more real server"), v.Query.OfService(s.Name).Link()}
			}
			r.Laddrs, _ = few(r.Laddrs, fewLaddrs)
			r.Laddrs = slices.DeleteFunc(r.Laddrs, func(l *Laddr) bool { return l.Standing() < Degraded })
		}
		out = append(out, r)
	}
	return out
}

// ZoneRows are the zones of the page.
func (v *View) ZoneRows() (out []zoneRow) {
	for _, z := range v.Zones.Rows {
		r := zoneRow{Zone: z, Laddrs: z.Laddrs(), Past: v.Whole.Past(traffic.Object{Kind: "zone", Name: z.Name})}
		if v.Query.Zone == "" {
			var left int
			if r.Laddrs, left = few(r.Laddrs, fewLaddrs); left > 0 {
				r.More = &rest{many(left, "more laddr"), v.Query.OfZone(z.Name).Link()}
			}
		}
		out = append(out, r)
	}
	return out
}

// Past is what all of the gateway did at the last readings.
func (v *View) Past() []Rate { return v.Whole.Past(traffic.Object{}) }
