package lint

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Numbers of routing tables (rtnetlink(7), include/uapi/linux/rtnetlink.h). A lookup without
// rules of its own asks local, then main, then default.
const (
	tableDefault = 253
	tableLocal   = 255
)

// everyLookup tells whether every lookup asks a table.
func everyLookup(table int) bool { return table >= tableDefault && table <= tableLocal }

// ways says by which interfaces packets to an address leave: by the tables that every lookup
// asks, and by each of those that rules of policy routing may send it to.
type ways []routing

// routing is one lookup: of the routes to an address the most specific counts.
type routing struct {
	owners owners
	exits  [][]Route // by owner: routes to the same destination, of a multipath route or of several metrics
}

func waysOf(routes []Route) ways {
	sorted := slices.Clone(routes)
	slices.SortStableFunc(sorted, func(a, b Route) int {
		return cmp.Or(-cmp.Compare(a.Table, b.Table), -cmp.Compare(a.Dst.Bits(), b.Dst.Bits()), a.Dst.Addr().Compare(b.Dst.Addr()))
	})
	lookup := func(table int) int {
		if everyLookup(table) {
			return tableLocal
		}
		return table
	}
	var out ways
	for len(sorted) > 0 {
		n := slices.IndexFunc(sorted, func(r Route) bool { return lookup(r.Table) != lookup(sorted[0].Table) })
		if n < 0 {
			n = len(sorted)
		}
		out = append(out, routingOf(sorted[:n]))
		sorted = sorted[n:]
	}
	return out
}

// routingOf takes routes in the order in which they count.
func routingOf(sorted []Route) routing {
	var out routing
	var lists [][]inet.Range
	for i, r := range sorted {
		if i > 0 && r.Dst == sorted[i-1].Dst && r.Table == sorted[i-1].Table {
			out.exits[len(out.exits)-1] = append(out.exits[len(out.exits)-1], r)
			continue
		}
		lists = append(lists, []inet.Range{inet.PrefixRange(r.Dst)})
		out.exits = append(out.exits, []Route{r})
	}
	out.owners = ownersOf(lists)
	return out
}

// lead tells whether packets to some address of a range leave by an interface that fits.
func (w ways) lead(to inet.Range, fits func(name string) bool) bool {
	for _, lookup := range w {
		for _, o := range lookup.owners.from(to.From) {
			if !o.Range.Overlaps(to) {
				break
			}
			if slices.ContainsFunc(lookup.exits[o.Owner], func(r Route) bool { return !r.Local && r.Interface != "" && fits(r.Interface) }) {
				return true
			}
		}
	}
	return false
}

// exits returns the routes that packets to an address take: those of every lookup or, if none of them leads
// there, those that rules may choose. Routes of this machine's own addresses are none.
func (w ways) exits(a netip.Addr) (usual []Route) {
	var others []Route
	for _, lookup := range w {
		o, ok := lookup.owners.first(inet.AddrRange(a))
		if !ok || lookup.exits[o.Owner][0].Local {
			continue
		}
		if all := lookup.exits[o.Owner]; everyLookup(all[0].Table) {
			usual = all
		} else {
			others = append(others, all...)
		}
	}
	if usual == nil {
		return others
	}
	return usual
}
