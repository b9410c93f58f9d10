package ct

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// span is a range of addresses and the index of what it belongs to.
type span struct {
	from, to netip.Addr
	what     int32
}

// spans sorts what lists of ranges hold; where several hold an address the first does.
func spans(lists [][]inet.Range) []span {
	out := make([]span, 0, len(lists))
	for i, rs := range lists {
		for _, r := range rs {
			out = append(out, span{r.From, r.To, int32(i)})
		}
	}
	slices.SortFunc(out, func(a, b span) int { return a.from.Compare(b.from) })
	for i := range out {
		if i > 0 && !out[i-1].to.Less(out[i].from) {
			return flattened(lists)
		}
	}
	return out
}

func flattened(lists [][]inet.Range) []span {
	owned := inet.Flatten(lists)
	out := make([]span, len(owned))
	for i, o := range owned {
		out[i] = span{o.Range.From, o.Range.To, int32(o.Owner)}
	}
	return out
}

// search returns what an address belongs to in sorted, disjoint spans, or none.
func search(spans []span, a netip.Addr) int32 {
	lo, hi := 0, len(spans)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if a.Less(spans[mid].from) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo > 0 && !spans[lo-1].to.Less(a) {
		return spans[lo-1].what
	}
	return none
}

// within tells whether an address lies in one of some merged ranges.
func within(rs []inet.Range, a netip.Addr) bool {
	lo, hi := 0, len(rs)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if a.Less(rs[mid].From) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo > 0 && !rs[lo-1].To.Less(a)
}

// contains is within for ranges in any order.
func contains(rs []inet.Range, a netip.Addr) bool {
	for i := range rs {
		if rs[i].Contains(a) {
			return true
		}
	}
	return false
}

// joins tells whether the map makes outside of inside.
func (m Map) joins(inside, outside netip.Addr) bool {
	if !m.Inside.Contains(inside) || !m.Outside.Contains(outside) {
		return false
	}
	aHi, aLo := distance(m.Inside.From, inside)
	bHi, bLo := distance(m.Outside.From, outside)
	return aHi == bHi && aLo == bLo
}

// distance returns how far b lies behind a, in 128 bits.
func distance(a, b netip.Addr) (hi, lo uint64) {
	x, y := a.As16(), b.As16()
	lo, borrow := bits.Sub64(binary.BigEndian.Uint64(y[8:]), binary.BigEndian.Uint64(x[8:]), 0)
	hi, _ = bits.Sub64(binary.BigEndian.Uint64(y[:8]), binary.BigEndian.Uint64(x[:8]), borrow)
	return hi, lo
}
