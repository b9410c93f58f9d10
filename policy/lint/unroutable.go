package lint

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// unrouted is a range of addresses that the internet does not answer to.
type unrouted struct {
	inet.Range
	what string
}

// unroutedRanges are those of documentation (RFC 5737, RFC 3849) and of private networks (RFC
// 1918, RFC 6598, RFC 4193).
func unroutedRanges() []unrouted {
	var out []unrouted
	add := func(what string, prefixes ...string) {
		for _, p := range prefixes {
			out = append(out, unrouted{inet.MustRange(p), what})
		}
	}
	add("for documentation", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
	add("private", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
	return out
}

// unroutedLaddr finds pools that zones translate with on the way to any destination, and that
// hold an address that none there answers to. One finding a pool.
func unroutedLaddr(r *run) {
	ranges := unroutedRanges()
	wide := make(map[*policy.Pool]string) // by which zone
	r.eachZone(func(z *policy.Zone, object string) {
		for _, p := range z.Pools() {
			if anywhere(z.To) && wide[p] == "" {
				wide[p] = object
			}
		}
	})
	for _, p := range r.pools() {
		by, ok := wide[p.Pool]
		if !ok {
			continue
		}
		for _, l := range p.Laddrs {
			i := slices.IndexFunc(ranges, func(u unrouted) bool { return u.Overlaps(l.Range) })
			if i < 0 || l.Weight == 0 {
				continue
			}
			r.find(l.Pos, p.object, "write addresses that are routed to this machine; if another NAT or a private network follows, say so with an ignore",
				"the laddr %s is %s, and %s uses it toward any destination: answers from the internet do not find it", common(l.Range, ranges[i].Range), ranges[i].what, by)
			break
		}
	}
}
