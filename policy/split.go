package policy

import (
	"fmt"
	"math/bits"
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// Share is what Split gives a node.
type Share struct {
	Node   string
	Ranges []inet.Range
	Kept   bool // the node had them before
}

// mostPieces bounds how many pieces a prefix is cut into.
const mostPieces = 1024

// Split cuts a prefix into equal prefixes and gives each node one: the first that nobody has, so that
// what nodes have already stays theirs. have are the slices that stand; a node that has `none` stays
// without. There are as many pieces as the nodes and the spare ones need, to the next power of two.
// What is left over is spare, in order. It fails if the prefix is too small for that.
func Split(prefix netip.Prefix, have []Slice, nodes []string, spare int) (shares []Share, left []inet.Range, err error) {
	pieces := len(nodes) + spare
	switch {
	case len(nodes) == 0:
		return nil, nil, fmt.Errorf("there are no nodes")
	case spare < 0 || pieces > mostPieces:
		return nil, nil, fmt.Errorf("a pool can be divided into 1 to %d pieces, not into %d", mostPieces, pieces)
	}
	length := prefix.Bits() + bits.Len(uint(pieces-1))
	if length > prefix.Addr().BitLen() {
		return nil, nil, fmt.Errorf("%s has fewer addresses than the %d pieces that %d nodes and %d spare ones need", prefix, pieces, len(nodes), spare)
	}
	free := func(r inet.Range) bool {
		for _, s := range have {
			for _, l := range s.Laddrs {
				if l.Range.Overlaps(r) {
					return false
				}
			}
		}
		return true
	}
	for p := netip.PrefixFrom(prefix.Masked().Addr(), length); prefix.Contains(p.Addr()); {
		r := inet.PrefixRange(p)
		if free(r) {
			left = append(left, r)
		}
		next := r.To.Next()
		if !next.IsValid() {
			break
		}
		p = netip.PrefixFrom(next, length)
	}
	for _, node := range nodes {
		if s := (&Pool{Slices: have}).Slice(node); s != nil {
			share := Share{Node: node, Kept: true}
			for _, l := range s.Laddrs {
				share.Ranges = append(share.Ranges, l.Range)
			}
			shares = append(shares, share)
			continue
		}
		if len(left) == 0 {
			return nil, nil, fmt.Errorf("%s has no piece of /%d left for node %s: take another prefix, or fewer spare pieces", prefix, length, node)
		}
		shares, left = append(shares, Share{Node: node, Ranges: left[:1:1]}), left[1:]
	}
	return shares, left, nil
}
