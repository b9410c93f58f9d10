package readback

import (
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// enterThrough notes which laddrs a zone has for connections that leave by an uplink.
func (z *Zone) enterThrough(rd *reading, s *nft.Set, e *nft.Element, pool, uplink string) {
	if z.through == nil {
		z.through = make(map[string][]*Pool)
	}
	pools := z.through[uplink]
	poolNamed(&pools, pool).enter(rd, s, e)
	z.through[uplink] = pools
}

// throughs returns the laddrs of a zone by the interfaces of uplinks; none if they are for all, or if the table
// does not tell which interface is an uplink's: see uplinkInterfaces.
func (rd *reading) throughs(z *Zone, interfaces map[string]string) (out []ct.Through) {
	for _, uplink := range slices.Sorted(maps.Keys(z.through)) {
		t := ct.Through{OIf: interfaces[uplink]}
		if t.OIf == "" {
			return nil
		}
		for _, p := range rd.finish(z.through[uplink], layout.Object{Of: layout.OfZone, Name: z.Name}) {
			t.Laddrs = append(t.Laddrs, p.Laddrs...)
		}
		t.Laddrs = inet.Merge(t.Laddrs)
		out = append(out, t)
	}
	return out
}

// uplinkInterfaces returns the interfaces of uplinks by their names.
func (rd *reading) uplinkInterfaces() map[string]string {
	out := make(map[string]string)
	rd.each(func(_ *nft.Set, e *nft.Element) {
		if from, ok := layout.ParseChain(e.Verdict.Chain); ok && from.Kind == layout.ChainFrom {
			out[from.Variant.Then] = strings.TrimRight(e.Key, "\x00")
		}
	}, layout.Entering)
	return out
}
