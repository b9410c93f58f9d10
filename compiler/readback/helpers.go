package readback

import (
	"cmp"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Helper is one of the kernel's helpers, and which connections it reads.
type Helper struct {
	Name  string // "sip-tcp"
	Ports inet.ProtoPorts
}

// Compare orders helpers by what they read.
func (h Helper) Compare(o Helper) int {
	return cmp.Or(cmp.Compare(h.Ports.Proto, o.Ports.Proto), cmp.Compare(h.Ports.Ports.First, o.Ports.Ports.First),
		cmp.Compare(h.Ports.Ports.Last, o.Ports.Ports.Last), cmp.Compare(h.Name, o.Name))
}

// helper reads an element that leads to a helper: its key has an address, a protocol and mostly a
// port. None: it leads elsewhere.
func (rd *reading) helper(s *nft.Set, e *nft.Element) []Helper {
	chain, _ := layout.ParseChain(e.Verdict.Chain)
	front, ok := frontOf(s, e)
	if !ok || chain.Kind != layout.ChainHelper {
		return nil
	}
	return []Helper{{chain.Variant.Helper, front.Ports}}
}
