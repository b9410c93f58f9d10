package route

import (
	"cmp"
	"slices"
)

// Op is one step of a plan.
type Op struct {
	Remove  bool // otherwise: add
	Thing   Thing
	Instead Thing // what it takes the place of, in one step; nil: nothing
}

// String returns "+ local route 203.0.113.10/32" or the like.
func (o Op) String() string {
	if o.Remove {
		return "- " + o.Thing.String()
	}
	return "+ " + o.Thing.String()
}

// Plan is steps in their order.
type Plan []Op

// Inverse returns what takes the plan back.
func (p Plan) Inverse() Plan {
	out := make(Plan, 0, len(p))
	for _, o := range slices.Backward(p) {
		if o.Instead != nil {
			out = append(out, Op{Thing: o.Instead, Instead: o.Thing})
			continue
		}
		out = append(out, Op{Remove: !o.Remove, Thing: o.Thing})
	}
	return out
}

// Split divides a plan into what adds, to be done before it is needed, and what removes, to be
// done when nothing needs it any more.
func (p Plan) Split() (adds, removes Plan) {
	for _, o := range p {
		if o.Remove {
			removes = append(removes, o)
		} else {
			adds = append(adds, o)
		}
	}
	return adds, removes
}

// Uplinks divides a plan into what is about uplinks and the rest.
func (p Plan) Uplinks() (ways, rest Plan) {
	for _, o := range p {
		switch o.Thing.(type) {
		case Way, Rule, Loose:
			ways = append(ways, o)
		default:
			rest = append(rest, o)
		}
	}
	return ways, rest
}

// Diff returns what makes want of have. What is needed comes before what is not any more
// goes, and a proxy never exists without its route: so whoever finds a plan carried out in part
// knows all of ours.
func Diff(have, want State) Plan {
	_, switches := compare(have.Proxying, want.Proxying, func(a, b Proxying) int { return cmp.Compare(a, b) })
	oldRoutes, newRoutes := compare(have.Routes, want.Routes, byDst)
	oldProxies, newProxies := compare(have.Neighbours, want.Neighbours, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Addr.Compare(b.Addr))
	})
	oldAddrs, newAddrs := compare(have.Addresses, want.Addresses, func(a, b Address) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), a.Addr.Compare(b.Addr))
	})
	newWays, oldWays := turns(have.Ways, want.Ways)
	oldRules, newRules := compare(have.Rules, want.Rules, byRank)
	slices.Reverse(oldRules)
	return slices.Concat(
		ops(false, switches), ops(false, want.Loose), ops(false, newRoutes), ops(false, newProxies), ops(false, newAddrs), newWays, ops(false, newRules),
		ops(true, oldRules), oldWays, ops(true, oldAddrs), ops(true, oldProxies), ops(true, oldRoutes))
}

// ops returns the operations that add or remove some things, in order.
func ops[T Thing](remove bool, things []T) Plan {
	p := make(Plan, len(things))
	for i, t := range things {
		p[i] = Op{Remove: remove, Thing: t}
	}
	return p
}

func byDst(a, b Route) int {
	return cmp.Or(a.Dst.Addr().Compare(b.Dst.Addr()), cmp.Compare(a.Dst.Bits(), b.Dst.Bits()))
}

// compare returns what is in the first list alone and in the second alone, sorted.
func compare[T comparable](have, want []T, order func(a, b T) int) (gone, come []T) {
	sorted := func(list []T) []T {
		list = slices.Clone(list)
		slices.SortFunc(list, order)
		return slices.Compact(list)
	}
	have, want = sorted(have), sorted(want)
	for len(have) > 0 && len(want) > 0 {
		switch c := order(have[0], want[0]); {
		case c < 0:
			gone, have = append(gone, have[0]), have[1:]
		case c > 0:
			come, want = append(come, want[0]), want[1:]
		default:
			have, want = have[1:], want[1:]
		}
	}
	return append(gone, have...), append(come, want...)
}
