package lint

import (
	"net/netip"
	"sort"

	"github.com/snatctl/snatctl/inet"
)

// owners says who of many owns an address. Ranges are disjoint, sorted, and adjacent ones of
// one owner are joined.
type owners []inet.Owned

// ownersOf lets each list of ranges own what no list before it does.
func ownersOf(lists [][]inet.Range) owners { return inet.Flatten(lists) }

// from returns the owned ranges that end at or behind an address.
func (o owners) from(a netip.Addr) owners {
	return o[sort.Search(len(o), func(i int) bool { return !o[i].Range.To.Less(a) }):]
}

// first returns the first owned range that shares addresses with r.
func (o owners) first(r inet.Range) (inet.Owned, bool) {
	if rest := o.from(r.From); len(rest) > 0 && rest[0].Range.Overlaps(r) {
		return rest[0], true
	}
	return inet.Owned{}, false
}

// within returns the owned ranges that share addresses with one of some others.
func (o owners) within(others []inet.Range) (out []inet.Range) {
	for _, r := range others {
		for _, owned := range o.from(r.From) {
			if !owned.Range.Overlaps(r) {
				break
			}
			out = append(out, owned.Range)
		}
	}
	return out
}

// hold tells whether lists before some other own all of some ranges.
func (o owners) hold(rs []inet.Range, before int) bool {
	var held []inet.Range
	for _, r := range rs {
		for _, owned := range o.from(r.From) {
			if !owned.Range.Overlaps(r) {
				break
			}
			if owned.Owner < before {
				held = append(held, owned.Range)
			}
		}
	}
	return len(inet.Subtract(rs, held)) == 0
}

// common returns what two ranges that overlap share.
func common(a, b inet.Range) inet.Range {
	if a.From.Less(b.From) {
		a.From = b.From
	}
	if b.To.Less(a.To) {
		a.To = b.To
	}
	return a
}
