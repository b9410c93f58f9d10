package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// checkReachable reports zones that can never match, because zones before them take all
// their sources under the same or wider conditions.
func (c *checker) checkReachable() {
	zones := c.Zones
	classes, classOf := c.conditions()
	s := newSweep(zones)
	all := make([]int, len(zones))
	for i := range all {
		all[i] = i
	}
	dead := make([]bool, len(zones))
	// pass goes through zones in order. A zone that judge says yes to is dead if those
	// before it that paint says yes to cover its sources.
	pass := func(members []int, paint, judge func(i int) bool) {
		s.reset()
		for _, i := range members {
			if c.partial.zone(i) {
				continue // part of its sources or conditions is not known
			}
			if judge(i) && !dead[i] && s.covered(i) {
				dead[i] = true
				c.unreachable(i, s.owners(i))
			}
			if paint(i) {
				s.paint(i)
			}
		}
	}
	// Usually a policy knows few different conditions. Where it knows many, only zones
	// without any condition and zones of exactly the same ones are held against a zone.
	const few = 64
	if len(classes) <= few {
		for c := range classes {
			wider := make([]bool, len(classes))
			for d := range classes {
				wider[d] = c == d || classes[d].covers(&classes[c])
			}
			pass(all, func(i int) bool { return wider[classOf[i]] }, func(i int) bool { return classOf[i] == c })
		}
		return
	}
	plain := c.conditionOf(&Zone{})
	underPlain := make([]bool, len(classes))
	members := make([][]int, len(classes))
	for c := range classes {
		underPlain[c] = plain.covers(&classes[c])
	}
	for i, c := range classOf {
		members[c] = append(members[c], i)
	}
	pass(all, func(i int) bool { return !zones[i].Conditional() }, func(i int) bool { return underPlain[classOf[i]] })
	yes := func(int) bool { return true }
	for _, m := range members {
		if len(m) > 1 && zones[m[0]].Conditional() {
			pass(m, yes, yes)
		}
	}
}

// unreachable reports that a zone can never match.
func (c *checker) unreachable(i int, owners []int) {
	z := &c.Zones[i]
	var by []string
	for _, o := range owners {
		by = append(by, fmt.Sprintf("%s (%s)", c.Zones[o].Name, c.Zones[o].Pos))
	}
	verb := "zone " + by[0] + " comes first and takes"
	if len(by) > 1 {
		last := len(by) - 1
		verb = "zones " + strings.Join(by[:last], ", ") + " and " + by[last] + " come first and take"
	}
	c.Fault(z.Pos, "Z01", Object{"zone", z.Name}, "move it before them, or remove it: the first zone that matches decides",
		"it can never match: %s all its sources", verb)
}

// sweep knows which parts of the address space are taken. The space is cut wherever a
// zone's source begins or ends, so that a source is a run of whole pieces.
type sweep struct {
	runs  [][]run // of each zone
	next  []int32 // the first free piece from here on (union-find)
	owner []int32 // the zone that took the piece
}

// run is the pieces from lo to before hi.
type run struct{ lo, hi int32 }

func newSweep(zones []Zone) *sweep {
	var cuts []netip.Addr
	for i := range zones {
		for _, r := range zones[i].From {
			cuts = append(cuts, r.From)
			if end := after(r); end.IsValid() {
				cuts = append(cuts, end)
			}
		}
	}
	slices.SortFunc(cuts, netip.Addr.Compare)
	cuts = slices.Compact(cuts)
	find := func(a netip.Addr) int32 {
		return int32(sort.Search(len(cuts), func(i int) bool { return !cuts[i].Less(a) }))
	}
	s := &sweep{runs: make([][]run, len(zones)), next: make([]int32, len(cuts)+1), owner: make([]int32, len(cuts))}
	for i := range zones {
		s.runs[i] = make([]run, len(zones[i].From))
		for j, r := range zones[i].From {
			s.runs[i][j] = run{find(r.From), int32(len(cuts))}
			if end := after(r); end.IsValid() {
				s.runs[i][j].hi = find(end)
			}
		}
	}
	return s
}

// after returns the address after a range. IPv6 addresses follow IPv4's; after the last
// of all comes the invalid one.
func after(r inet.Range) netip.Addr {
	if end := r.To.Next(); end.IsValid() || r.Family() == inet.V6 {
		return end
	}
	return netip.IPv6Unspecified()
}

func (s *sweep) reset() {
	for i := range s.next {
		s.next[i] = int32(i)
	}
}

// free returns the first free piece from i on.
func (s *sweep) free(i int32) int32 {
	for s.next[i] != i {
		s.next[i] = s.next[s.next[i]]
		i = s.next[i]
	}
	return i
}

// covered tells whether all pieces of a zone are taken.
func (s *sweep) covered(zone int) bool {
	return !slices.ContainsFunc(s.runs[zone], func(r run) bool { return s.free(r.lo) < r.hi })
}

// paint takes what is free of a zone's pieces.
func (s *sweep) paint(zone int) {
	for _, r := range s.runs[zone] {
		for i := s.free(r.lo); i < r.hi; i = s.free(i) {
			s.owner[i] = int32(zone)
			s.next[i] = i + 1
		}
	}
}

// owners returns zones that took a zone's pieces: three at most, there may be many.
func (s *sweep) owners(zone int) []int {
	var out []int
	for _, r := range s.runs[zone] {
		for i := r.lo; i < r.hi && i < r.lo+1000; i++ {
			if o := int(s.owner[i]); !slices.Contains(out, o) && len(out) < 3 {
				out = append(out, o)
			}
		}
	}
	slices.Sort(out)
	return out
}
