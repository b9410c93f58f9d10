package policy

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/snatctl/snatctl/inet"
)

// condition is what must hold beside a zone's sources. Nothing given holds always.
type condition struct {
	to       []inet.Range      // merged
	ports    []inet.ProtoPorts // merged
	iif, oif map[string]bool   // interface names, "ppp*" for a prefix
}

// conditionOf returns the condition of a zone, where `oif` means the uplinks if the
// zone has none of its own.
func (c *checker) conditionOf(z *Zone) condition {
	oif := z.OIf
	if len(oif) == 0 {
		oif = c.Gateway.Uplinks
	}
	return condition{to: inet.Merge(z.To), ports: mergePorts(z.Ports), iif: set(z.IIf), oif: set(oif)}
}

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// mergePorts returns the ports sorted by protocol, with overlapping and adjacent ranges
// joined.
func mergePorts(list []inet.ProtoPorts) []inet.ProtoPorts {
	var out []inet.ProtoPorts
	for _, pp := range slices.SortedFunc(slices.Values(list), func(a, b inet.ProtoPorts) int {
		return cmp.Or(cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Ports.First, b.Ports.First))
	}) {
		last := len(out) - 1
		if last < 0 || out[last].Proto != pp.Proto || int(pp.Ports.First) > int(out[last].Ports.Last)+1 {
			out = append(out, pp)
			continue
		}
		out[last].Ports.Last = max(out[last].Ports.Last, pp.Ports.Last)
	}
	return out
}

// conditions returns the different conditions of all zones, and which one each zone has.
func (c *checker) conditions() (classes []condition, classOf []int) {
	known := make(map[string]int)
	classOf = make([]int, len(c.Zones))
	for i := range c.Zones {
		z := &c.Zones[i]
		key := ""
		if z.Conditional() {
			key = fmt.Sprint(inet.Merge(z.To), mergePorts(z.Ports), z.IIf, z.OIf)
		}
		class, ok := known[key]
		if !ok {
			class = len(classes)
			known[key] = class
			classes = append(classes, c.conditionOf(z))
		}
		classOf[i] = class
	}
	return classes, classOf
}

// covers tells whether c holds wherever d does.
func (c *condition) covers(d *condition) bool {
	if len(c.to) > 0 && (len(d.to) == 0 || len(inet.Subtract(d.to, c.to)) > 0) {
		return false
	}
	if len(c.ports) > 0 && (len(d.ports) == 0 || slices.ContainsFunc(d.ports, func(pp inet.ProtoPorts) bool { return !portsIn(pp, c.ports) })) {
		return false
	}
	return interfacesIn(d.iif, c.iif) && interfacesIn(d.oif, c.oif)
}

// portsIn tells whether merged ports hold all of pp.
func portsIn(pp inet.ProtoPorts, merged []inet.ProtoPorts) bool {
	i := sort.Search(len(merged), func(i int) bool {
		m := merged[i]
		return m.Proto > pp.Proto || m.Proto == pp.Proto && m.Ports.First > pp.Ports.First
	})
	return i > 0 && merged[i-1].Proto == pp.Proto && pp.Ports.Last <= merged[i-1].Ports.Last
}

// interfacesIn tells whether all interfaces of narrow are interfaces of wide; none given
// is any interface.
func interfacesIn(narrow, wide map[string]bool) bool {
	if len(wide) == 0 {
		return true
	}
	for name := range narrow {
		in := wide[name]
		for n := 0; n < len(name) && !in; n++ {
			in = wide[name[:n]+"*"]
		}
		if !in {
			return false
		}
	}
	return len(narrow) > 0
}
