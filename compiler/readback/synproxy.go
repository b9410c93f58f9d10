package readback

import (
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// readSynProxies reads which services have a SYN proxy, and what it offers.
func (rd *reading) readSynProxies() {
	rd.each(func(s *nft.Set, e *nft.Element) {
		chain, ok := layout.ParseChain(e.Verdict.Chain)
		if sv := rd.service(e.Comment); sv != nil && ok {
			sv.Family(familyOf(s)).Offer = chain.Variant.Offer
		}
	}, layout.Handshakes)
	rd.each(func(s *nft.Set, e *nft.Element) {
		if sv := rd.service(e.Comment); sv != nil {
			sv.SynProxy, sv.Syns = true, sv.Syns+e.Packets
		}
	}, layout.Proxied)
}
