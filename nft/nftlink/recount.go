package nftlink

import (
	"context"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// asked is how many elements one request asks for.
const asked = 128

// recount adds what they have counted until now to the elements that a plan changes. The plan
// was made from a listing, and what came since counts too. Where the kernel does not answer,
// the listing's counts must do: whatever is wrong, the transaction shows it.
func (c *Conn) recount(ctx context.Context, p nft.Plan) nft.Plan {
	p.Ops = slices.Clone(p.Ops)
	for i := range p.Ops {
		o := &p.Ops[i]
		if o.Mark != nft.Change || !o.Set.Counter {
			continue
		}
		now := make(map[string]nft.Element, len(o.Was))
		for some := range slices.Chunk(o.Was, asked) {
			live := *o.Set
			live.Elements = nil
			d := wire.Elements{Set: &live, Names: make(map[string]string)}
			_ = c.request(ctx, unix.NFT_MSG_GETSETELEM, unix.NLM_F_ACK, wire.OfElements(p.Table(), o.Set, some), d.Take)
			for _, e := range live.Elements {
				now[e.Key] = e
			}
		}
		o.Elements = slices.Clone(o.Elements)
		for n := range o.Elements {
			e, counted := &o.Elements[n], o.Was[n]
			if live, ok := now[e.Key]; ok {
				counted = live
			}
			e.Packets, e.Bytes = e.Packets+counted.Packets, e.Bytes+counted.Bytes
		}
	}
	return p
}
