package readback

import (
	"encoding/binary"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// Uplinks returns the uplinks that a table knows, by the marks of what leaves by them. A table that is not there
// knows none.
func Uplinks(r *nft.Ruleset) map[uint32]string {
	if r == nil {
		return nil
	}
	out := make(map[uint32]string)
	for _, s := range r.Sets {
		if n, ok := layout.ParseSet(s.Name); !ok || n.Kind != layout.Marked {
			continue
		}
		for _, e := range s.Elements {
			if to, ok := layout.ParseChain(e.Verdict.Chain); ok && to.Kind == layout.ChainTo && len(e.Key) == 4 {
				out[binary.NativeEndian.Uint32([]byte(e.Key))] = to.Variant.Then
			}
		}
	}
	return out
}
