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

// counted asks for what elements of a set have counted, by key. Those that the kernel does not
// tell of are not in the result.
func (c *Conn) counted(ctx context.Context, table string, s *nft.Set, elements []nft.Element) map[string]nft.Element {
	now := make(map[string]nft.Element, len(elements))
	for some := range slices.Chunk(elements, asked) {
		live := *s
		live.Elements = nil
		d := wire.Elements{Set: &live, Names: make(map[string]string)}
		_ = c.request(ctx, unix.NFT_MSG_GETSETELEM, unix.NLM_F_ACK, wire.OfElements(table, s, some), d.Take)
		for _, e := range live.Elements {
			now[e.Key] = e
		}
	}
	return now
}

// Count returns a plan that was made without reading the table, with what the elements that it
// deletes have counted until now. Apply does so for those that it changes.
func (c *Conn) Count(ctx context.Context, p nft.Plan) nft.Plan {
	p.Ops = slices.Clone(p.Ops)
	for i := range p.Ops {
		o := &p.Ops[i]
		if o.Mark != nft.Delete || o.Set == nil || !o.Set.Counter || len(o.Elements) == 0 {
			continue
		}
		now := c.counted(ctx, p.Table(), o.Set, o.Elements)
		o.Elements = slices.Clone(o.Elements)
		for n := range o.Elements {
			e := &o.Elements[n]
			e.Packets, e.Bytes = now[e.Key].Packets, now[e.Key].Bytes
		}
	}
	return p
}

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
		now := c.counted(ctx, p.Table(), o.Set, o.Was)
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
