package ct

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Ways tells by which interfaces a flow's packets may leave now, which need not be the one
// by which its first packet left: routing may have changed since. More than one where several
// may be taken; nil where nobody knows.
type Ways func(f *Flow) []string

// WithWays returns the index of the same policy that knows by which interfaces flows leave.
// Zones that ask for oif then have only flows that leave there, and zones with laddrs for each uplink
// only those that have a laddr of the one that they leave by. ways is asked about flows that
// have a laddr and a source of such a zone, and about no others; it need not be safe for
// concurrent use if the index is not used so.
func (x *Index) WithWays(ways Ways) *Index {
	if x == nil {
		x = &Index{}
	}
	y := *x
	y.ways = ways
	return &y
}

// way returns by which interfaces a flow may leave, if one of the zones asks; nil: not known.
func (x *Index) way(f *Flow, zones []int) []string {
	for _, i := range zones {
		if z := &x.bindings.Zones[i]; len(z.OIf) > 0 {
			return x.wayFor(z, f)
		}
	}
	return nil
}

// wayFor is way for one zone.
func (x *Index) wayFor(z *Zone, f *Flow) []string {
	if x.ways == nil || len(z.OIf) == 0 && len(z.Through) == 0 {
		return nil
	}
	return x.ways(f)
}

// through tells whether a zone that has the flow's laddr may have it for what leaves where the flow leaves.
func (x *Index) through(z *Zone, f *Flow) bool {
	if len(z.Through) == 0 {
		return true
	}
	out, laddr := x.wayFor(z, f), f.Reply.Dst.Addr()
	return len(out) == 0 || slices.ContainsFunc(z.Through, func(t Through) bool { return slices.Contains(out, t.OIf) && within(t.Laddrs, laddr) })
}

// wayOf is way for the zones that the flow's source may meet.
func (x *Index) wayOf(f *Flow) []string {
	conditional, _ := x.choice(f.Orig.Src.Addr())
	return x.way(f, conditional)
}

// strayed tells whether what leaves by some interfaces is surely not the zone's.
func (z *Zone) strayed(out []string) bool {
	may, _ := z.leaves(out)
	return !may
}

// interfaces tells whether the zone asks for interfaces.
func (z *Zone) interfaces() bool { return z.IIf || len(z.OIf) > 0 }

// leaves tells whether what leaves by one of some interfaces may be the zone's, and whether
// all of it is, as far as oif goes.
func (z *Zone) leaves(out []string) (may, must bool) {
	if len(z.OIf) == 0 {
		return true, true
	}
	if len(out) == 0 {
		return true, false
	}
	must = true
	for _, name := range out {
		if inet.IsAnyInterface(z.OIf, name) {
			may = true
		} else {
			must = false
		}
	}
	return may, must
}

// decides tells whether the zone decides about all that leaves by some interfaces and that it
// matches.
func (z *Zone) decides(out []string) bool {
	_, must := z.leaves(out)
	return must && !z.IIf
}
