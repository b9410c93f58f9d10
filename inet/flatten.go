package inet

import (
	"container/heap"
	"net/netip"
	"slices"
)

// Owned is a range and the index of the list that owns it.
type Owned struct {
	Range Range
	Owner int
}

// Flatten turns first-match order into disjoint ranges: lists[i] is what i asks for, and
// where several ask for an address the lowest i owns it. The result is sorted; adjacent
// ranges of one owner are joined. It takes O(n log n) for n ranges.
func Flatten(lists [][]Range) []Owned {
	var asked []Owned
	for i, rs := range lists {
		for _, r := range rs {
			asked = append(asked, Owned{r, i})
		}
	}
	slices.SortFunc(asked, func(a, b Owned) int { return a.Range.Compare(b.Range) })
	var out []Owned
	for _, f := range Families {
		n := 0
		for n < len(asked) && asked[n].Range.Family() == f {
			n++
		}
		out = sweep(out, asked[:n])
		asked = asked[n:]
	}
	return out
}

// sweep walks the ranges of one family in address order, keeping those that hold the
// current address in a heap by owner.
func sweep(out []Owned, asked []Owned) []Owned {
	var active byOwner
	var at netip.Addr
	for len(asked) > 0 || len(active) > 0 {
		if len(active) == 0 {
			at = asked[0].Range.From
		}
		for len(asked) > 0 && !at.Less(asked[0].Range.From) {
			heap.Push(&active, asked[0])
			asked = asked[1:]
		}
		top := active[0]
		if top.Range.To.Less(at) {
			heap.Pop(&active)
			continue
		}
		end := top.Range.To
		if len(asked) > 0 && !end.Less(asked[0].Range.From) {
			end = asked[0].Range.From.Prev()
		}
		out = own(out, Owned{Range{at, end}, top.Owner})
		if at = end.Next(); !at.IsValid() {
			break // the family's last address
		}
	}
	return out
}

// own appends a piece, or lengthens the last one where both belong together.
func own(out []Owned, p Owned) []Owned {
	if n := len(out); n > 0 && out[n-1].Owner == p.Owner && out[n-1].Range.To.Next() == p.Range.From {
		out[n-1].Range.To = p.Range.To
		return out
	}
	return append(out, p)
}

type byOwner []Owned

func (h byOwner) Len() int           { return len(h) }
func (h byOwner) Less(i, j int) bool { return h[i].Owner < h[j].Owner }
func (h byOwner) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byOwner) Push(x any)        { *h = append(*h, x.(Owned)) }
func (h *byOwner) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// Shared is a range and the lists that hold it, in order.
type Shared struct {
	Range  Range
	Owners []int
}

// Arrange divides the addresses of some lists of ranges into disjoint ranges by the set of
// lists that hold them. What none holds is left out. It is meant for few lists: each range is compared with every list that is open
// where it is.
func Arrange(lists [][]Range) []Shared {
	type edge struct {
		at    netip.Addr
		owner int
		open  bool
	}
	var out []Shared
	for _, f := range Families {
		var edges []edge
		for i, rs := range lists {
			for _, r := range Merge(Of(f, rs)) {
				edges = append(edges, edge{r.From, i, true})
				if end := r.To.Next(); end.IsValid() {
					edges = append(edges, edge{end, i, false})
				}
			}
		}
		slices.SortFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
		var open []int
		for n := 0; n < len(edges); {
			at := edges[n].at
			for ; n < len(edges) && edges[n].at == at; n++ {
				i, found := slices.BinarySearch(open, edges[n].owner)
				switch {
				case edges[n].open && !found:
					open = slices.Insert(open, i, edges[n].owner)
				case !edges[n].open && found:
					open = slices.Delete(open, i, i+1)
				}
			}
			if len(open) == 0 {
				continue
			}
			to := Everything(f).To
			if n < len(edges) {
				to = edges[n].at.Prev()
			}
			out = append(out, Shared{Range{at, to}, slices.Clone(open)})
		}
	}
	return out
}
