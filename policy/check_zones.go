package policy

import (
	"fmt"

	"github.com/snatctl/snatctl/inet"
)

// checkZones applies the rules about zones.
func (l *loader) checkZones() {
	for i := range l.policy.Zones {
		if !l.zones[i].broken {
			l.checkFamilies(&l.policy.Zones[i])
			l.checkMap(&l.policy.Zones[i])
		}
	}
	l.checkReachable()
}

// checkFamilies holds the families of a zone's sources, destinations and laddrs against
// each other.
func (l *loader) checkFamilies(z *Zone) {
	about := object{"zone", z.Name}
	from, to := rangeFamilies(z.From), rangeFamilies(z.To)
	if len(z.To) == 0 {
		to = familySet{true, true}
	}
	both := familySet{from.v4 && to.v4, from.v6 && to.v6}
	if both == (familySet{}) {
		l.fault(z.At("to"), "Z08", about, "", "the sources are %s and the destinations %s: nothing can match", from, to)
		return
	}
	if z.Action != Snat || z.Laddrs == nil {
		return
	}
	have := l.poolFamilies(z.Laddrs)
	for _, f := range inet.Families {
		if both.has(f) && !have.has(f) {
			l.fault(z.At("laddrs"), "Z08", about, fmt.Sprintf("add an %s laddr, or take the %s sources out", f, f),
				"there are %s sources and no %s laddr: their connections would be dropped", f, f)
		}
	}
}

// checkMap reports a 1:1 mapping that is not.
func (l *loader) checkMap(z *Zone) {
	if z.Map.Family() == 0 {
		return
	}
	about, hint := object{"zone", z.Name}, "map one prefix to another of the same length"
	to, _ := z.Map.Prefix()
	from := inet.Merge(z.From)
	prefix, ok := from[0].Prefix()
	switch {
	case len(from) != 1 || !ok:
		l.fault(z.At("map"), "Z14", about, hint, "the sources are not one prefix, so they cannot be mapped to %s", z.Map)
	case z.Map.Family() != from[0].Family():
		l.fault(z.At("map"), "Z14", about, hint, "%s and %s are of different families", from[0], z.Map)
	case to.Bits() != prefix.Bits():
		l.fault(z.At("map"), "Z14", about, hint, "%s and %s are of different lengths", prefix, to)
	case to == prefix:
		l.fault(z.At("map"), "Z14", about, "write action: accept, or map it to another prefix", "%s is mapped to itself, which translates nothing", prefix)
	}
}
