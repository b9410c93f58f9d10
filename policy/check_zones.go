package policy

import (
	"fmt"

	"github.com/snatctl/snatctl/inet"
)

// checkZones applies the rules about zones.
func (c *checker) checkZones() {
	for i := range c.Zones {
		if !c.partial.zone(i) {
			c.checkFamilies(&c.Zones[i])
			c.checkMap(&c.Zones[i])
			c.checkZoneHelpers(&c.Zones[i])
			c.checkZoneLimits(&c.Zones[i])
		}
	}
	c.checkReachable()
}

// checkFamilies holds the families of a zone's sources, destinations and laddrs against
// each other.
func (c *checker) checkFamilies(z *Zone) {
	about := Object{"zone", z.Name}
	from, to := rangeFamilies(z.From), rangeFamilies(z.To)
	if len(z.To) == 0 {
		to = familySet{true, true}
	}
	both := familySet{from.v4 && to.v4, from.v6 && to.v6}
	if both == (familySet{}) {
		c.Fault(z.At("to"), "Z08", about, "", "the sources are %s and the destinations %s: nothing can match", from, to)
		return
	}
	if z.Action != Snat || z.Laddrs == nil {
		return
	}
	have := c.poolFamilies(z.Laddrs)
	for _, f := range inet.Families {
		if both.has(f) && !have.has(f) {
			c.Fault(z.At("laddrs"), "Z08", about, fmt.Sprintf("add an %s laddr, or remove the %s sources", f, f),
				"there are %s sources and no %s laddr: their connections would be dropped", f, f)
		}
	}
}

// checkMap reports a 1:1 mapping that is not.
func (c *checker) checkMap(z *Zone) {
	if z.Map.Family() == 0 {
		return
	}
	about, hint := Object{"zone", z.Name}, "map one prefix to another of the same length"
	to, _ := z.Map.Prefix()
	from := inet.Merge(z.From)
	prefix, ok := from[0].Prefix()
	switch {
	case len(from) != 1 || !ok:
		c.Fault(z.At("map"), "Z14", about, hint, "the sources are not one prefix, so they cannot be mapped to %s", z.Map)
	case z.Map.Family() != from[0].Family():
		c.Fault(z.At("map"), "Z14", about, hint, "%s and %s are of different families", from[0], z.Map)
	case to.Bits() != prefix.Bits():
		c.Fault(z.At("map"), "Z14", about, hint, "%s and %s are of different lengths", prefix, to)
	case to == prefix:
		c.Fault(z.At("map"), "Z14", about, "write action: accept, or map it to another prefix", "%s is mapped to itself, which translates nothing", prefix)
	}
}
