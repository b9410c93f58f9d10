package gateway

import (
	"context"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// release makes persistent services forget the clients of real servers that take no new connections
// in their new state, as releaseClients does for a whole policy. It looks at the maps of these
// services only, and at no packet that came before.
func (f *Force) release(ctx context.Context, is map[string]*policy.Service, swaps []compiler.Swap) error {
	sticky := &nft.Ruleset{Table: f.g.table}
	for _, s := range swaps {
		for _, set := range s.Was.Sticky() {
			if sticky.Set(set.Name) == nil && f.outline.Has(set.Name) {
				sticky.Sets = append(sticky.Sets, set)
			}
		}
	}
	if len(sticky.Sets) == 0 || !f.clients.May(is) {
		return nil
	}
	released, err := f.g.release(1, func() (int, error) { return f.forget(ctx, sticky, is) })
	if err != nil {
		return incomplete("the real servers are gone, but clients may stay with them until their persistence ends: %w", err)
	}
	if released > 0 {
		f.g.tell(Released{released})
	}
	return nil
}

func (f *Force) forget(ctx context.Context, sticky *nft.Ruleset, is map[string]*policy.Service) (int, error) {
	entered, err := f.g.conn.Entered(ctx, sticky)
	if err != nil {
		return 0, err
	}
	stale := f.clients.Stale(is, entered)
	if len(stale) == 0 {
		return 0, nil
	}
	return entries(stale), f.commit(func(at nftlink.Generation) error { return f.g.conn.Forget(ctx, f.g.table, stale, at) })
}
