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

// Flatten turns first-match order into disjoint ranges: lists[i] is what i claims, and
// where several claim an address the lowest i owns it. The result is sorted; adjacent
// ranges of one owner are joined. It takes O(n log n) for n ranges.
func Flatten(lists [][]Range) []Owned {
	var claims []Owned
	for i, rs := range lists {
		for _, r := range rs {
			claims = append(claims, Owned{r, i})
		}
	}
	slices.SortFunc(claims, func(a, b Owned) int { return a.Range.Compare(b.Range) })
	var out []Owned
	for _, f := range Families {
		n := 0
		for n < len(claims) && claims[n].Range.Family() == f {
			n++
		}
		out = sweep(out, claims[:n])
		claims = claims[n:]
	}
	return out
}

// sweep walks the claims of one family in address order, keeping those that hold the
// current address in a heap by owner.
func sweep(out []Owned, claims []Owned) []Owned {
	var active byOwner
	var at netip.Addr
	for len(claims) > 0 || len(active) > 0 {
		if len(active) == 0 {
			at = claims[0].Range.From
		}
		for len(claims) > 0 && !at.Less(claims[0].Range.From) {
			heap.Push(&active, claims[0])
			claims = claims[1:]
		}
		top := active[0]
		if top.Range.To.Less(at) {
			heap.Pop(&active)
			continue
		}
		end := top.Range.To
		if len(claims) > 0 && !end.Less(claims[0].Range.From) {
			end = claims[0].Range.From.Prev()
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
// where it stands.
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
