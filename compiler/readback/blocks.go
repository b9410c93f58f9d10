package readback

import (
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Block is a source's own block of ports (RFC 7422), and the zone that gives it.
type Block struct {
	Source netip.Addr
	Zone   string
	Laddr  netip.Addr
	Ports  inet.PortRange
}

// BlockWith returns the block that a laddr and port lie in, as a table says: compiled, or
// read from the kernel (nil is no table). It returns false where no source has it for its own.
func BlockWith(r *nft.Ruleset, at netip.AddrPort) (Block, bool) {
	if r == nil {
		return Block{}, false
	}
	for _, s := range r.Sets {
		if layout.KindOfSet(s.Name) != layout.Blocks {
			continue
		}
		for i := range s.Elements {
			e := &s.Elements[i]
			laddr, ports, ok := dataRange(s, e)
			if !ok || laddr.From != at.Addr() || !ports.Contains(at.Port()) {
				continue
			}
			if source, ok := netip.AddrFromSlice([]byte(e.Key)); ok {
				zone, _ := layout.SplitOwner(e.Comment)
				return Block{source, zone, laddr.From, ports}, true
			}
		}
	}
	return Block{}, false
}
