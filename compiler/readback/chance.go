package readback

import (
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Chance is the node that gets packets which belong to no connection here. The zero value is none.
type Chance struct {
	Node string
	VIPs []netip.Addr // to which the packets go, in the order of the table
}

// Ranges returns the VIPs as ranges.
func (c Chance) Ranges() []inet.Range {
	out := make([]inet.Range, len(c.VIPs))
	for i, vip := range c.VIPs {
		out[i] = inet.AddrRange(vip)
	}
	return inet.Merge(out)
}

// ChanceOf reads what a table says about it. A table that is not there says nothing.
func ChanceOf(r *nft.Ruleset) (c Chance) {
	if r == nil {
		return c
	}
	for _, s := range r.Sets {
		switch layout.KindOfSet(s.Name) {
		case layout.ChanceMark:
			for i := range s.Elements {
				c.Node = s.Elements[i].Comment
			}
		case layout.Chance:
			for i := range s.Elements {
				if vip, ok := netip.AddrFromSlice([]byte(s.Elements[i].Key)); ok {
					c.VIPs = append(c.VIPs, vip)
				}
			}
		}
	}
	return c
}
