package readback

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// MSS returns how large TCP segments are at most where no zone says otherwise, as policies write it; "" where
// that is left to connections.
func MSS(r *nft.Ruleset) string {
	if c := r.Chain(layout.ChainSegments.String()); c != nil {
		for _, rule := range c.Rules {
			if rule.Comment != "" {
				return rule.Comment
			}
		}
	}
	return ""
}

// readSegments notes which zones have segments that are not as large as the gateway's.
func (rd *reading) readSegments() {
	rd.each(func(_ *nft.Set, e *nft.Element) {
		if z := rd.zones[e.Comment]; z != nil {
			if chain, ok := layout.ParseChain(e.Verdict.Chain); ok {
				z.MSS = chain.Variant.Then
			}
		}
	}, layout.Segments)
}
