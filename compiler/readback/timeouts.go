package readback

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// Timeouts returns what a chain that sets timeouts says of them, as policies write it; "" where there is none.
func Timeouts(r *nft.Ruleset, chain string) string {
	if c := r.Chain(chain); c != nil && len(c.Rules) > 0 {
		return c.Rules[0].Comment
	}
	return ""
}

// readTimeouts notes which zones and services have timeouts other than the gateway's.
func (rd *reading) readTimeouts() {
	said := make(map[string]string)
	of := func(v nft.Verdict) string {
		text, ok := said[v.Chain]
		if !ok {
			text = Timeouts(rd.table, v.Chain)
			said[v.Chain] = text
		}
		return text
	}
	rd.each(func(_ *nft.Set, e *nft.Element) {
		if z := rd.zones[e.Comment]; z != nil {
			z.Timeouts = of(e.Verdict)
		}
	}, layout.Timed)
	rd.each(func(_ *nft.Set, e *nft.Element) {
		if sv := rd.services[e.Comment]; sv != nil {
			sv.Timeouts = of(e.Verdict)
		}
	}, layout.TimedServices)
}
