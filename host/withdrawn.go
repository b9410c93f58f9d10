package host

import (
	"context"
	"slices"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy/lint"
)

// withdrawn enters the laddrs that the table in force has, want has not, and flows still use.
func withdrawn(ctx context.Context, h *lint.Host, table string, want *nft.Ruleset) error {
	if want == nil {
		return nil
	}
	c, err := nftlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	live, _, err := c.Read(ctx, table)
	if err != nil || live == nil {
		return err
	}
	gone := goneLaddrs(readback.Bindings(live), readback.Bindings(want))
	if len(gone) == 0 {
		return nil // conntrack is not read
	}
	flows, err := ctlink.Open()
	if err != nil {
		return err
	}
	defer flows.Close()
	for f, err := range flows.Flows(ctx) {
		if err != nil {
			return err
		}
		laddr := f.Reply.Dst.Addr()
		if laddr == f.Orig.Src.Addr() {
			continue
		}
		for i := range gone {
			if slices.ContainsFunc(gone[i].Laddrs, func(r inet.Range) bool { return r.Contains(laddr) }) {
				gone[i].Flows++
				break
			}
		}
	}
	h.Withdrawn = slices.DeleteFunc(gone, func(w lint.Withdrawn) bool { return w.Flows == 0 })
	return nil
}

// goneLaddrs returns what one table has of laddrs, pool by pool, and another has in no pool.
func goneLaddrs(live, want ct.Bindings) (gone []lint.Withdrawn) {
	var kept []inet.Range
	for _, p := range pools(want) {
		kept = append(kept, p.Laddrs...)
	}
	kept = inet.Merge(kept)
	for _, p := range pools(live) {
		rest := inet.Subtract(p.Laddrs, kept)
		if len(rest) == 0 {
			continue
		}
		i := slices.IndexFunc(gone, func(w lint.Withdrawn) bool { return w.Pool == p.Name })
		if i < 0 {
			gone, i = append(gone, lint.Withdrawn{Pool: p.Name}), len(gone)
		}
		gone[i].Laddrs = inet.Merge(append(gone[i].Laddrs, rest...))
	}
	return gone
}

func pools(b ct.Bindings) (all []ct.Pool) {
	for i := range b.Services {
		all = append(all, b.Services[i].Pools...)
	}
	for i := range b.Zones {
		all = append(all, b.Zones[i].Pools...)
	}
	return all
}
