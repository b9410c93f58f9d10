package compiler

import (
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// exactFrom is from how many prefixes of one length on these are looked up by their first bits.
// The kernel finds a range by halving the list of all, and each step waits for memory: of 10,000
// about 2 us a connection, where a hash takes 0.5 (docs/benchmarks.md). Few ranges stay in the
// processor's caches, and one map more would be one lookup more.
const exactFrom = 1024

// exact moves the sources of IPv4 that are prefixes of the commonest length to maps that are
// looked up by so many bits, where they are many. All others stay in the maps of ranges, which
// are asked next: no source is in both, so their order decides nothing.
func (b *builder) exact() {
	variantsOf(func(t translation) {
		name := sourceMap(layout.Zones, inet.V4, "", t.variant())
		ranges := b.sets[name]
		if ranges == nil {
			return
		}
		var found [33]int
		for i := range ranges.Elements {
			if n, ok := prefixLen(&ranges.Elements[i]); ok {
				found[n]++
			}
		}
		length := 0
		for n := range found {
			if found[n] > found[length] {
				length = n
			}
		}
		if found[length] < exactFrom {
			return
		}
		byPrefix := name
		byPrefix.Variant.Bits = length
		to := b.set(byPrefix)
		to.Elements = make([]nft.Element, 0, found[length])
		rest := ranges.Elements[:0]
		for _, e := range ranges.Elements {
			if n, ok := prefixLen(&e); ok && n == length {
				e.KeyEnd = ""
				to.Elements = append(to.Elements, e)
			} else {
				rest = append(rest, e)
			}
		}
		if ranges.Elements = rest; len(rest) == 0 {
			delete(b.sets, name)
		}
	})
}

// prefixLen returns the length of the prefix that the element's range is, if it is one.
func prefixLen(e *nft.Element) (int, bool) {
	from, ok := netip.AddrFromSlice([]byte(e.Key))
	to, ok2 := netip.AddrFromSlice([]byte(e.KeyEnd))
	p, whole := inet.Range{From: from, To: to}.Prefix()
	return p.Bits(), ok && ok2 && whole
}

// exactMaps calls each with the map of each length of a kind of translation, and the field that
// it is looked up by: one at most, unless it is the vocabulary's.
func (b *builder) exactMaps(n layout.Name, each func(m *nft.Set, key []nft.Field)) {
	if n.Family != inet.V4 || n.Kind != layout.Zones {
		return
	}
	for length := 1; length <= 32; length++ {
		n.Variant.Bits = length
		if m := b.sets[n]; m != nil {
			saddr := fieldsOf(n.Family).saddr
			if length < 32 {
				saddr.Bits = length
			}
			each(m, []nft.Field{saddr})
		}
	}
}
