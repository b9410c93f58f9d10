package host

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy/lint"
)

// Sibling is a table beside a policy's own that snatctl made, and what both decide about.
type Sibling struct {
	Table   string
	Clashes []ct.Clash
}

// Siblings finds the other tables that snatctl made in this network namespace and that want, the
// table of a policy, clashes with; by name.
func Siblings(ctx context.Context, c *nftlink.Conn, want *nft.Ruleset) ([]Sibling, error) {
	heads, err := c.Heads(ctx)
	if err != nil {
		return nil, err
	}
	ours := sync.OnceValue(func() ct.Bindings { return readback.Bindings(want) })
	var out []Sibling
	for _, table := range slices.Sorted(maps.Keys(heads)) {
		if table == want.Table || !layout.Ours(heads[table].Comment) {
			continue
		}
		live, _, err := c.Read(ctx, table)
		if err != nil {
			return nil, err
		}
		if both := ct.Clashes(ours(), readback.Bindings(live)); len(both) > 0 {
			out = append(out, Sibling{table, both})
		}
	}
	return out, nil
}

// siblings enters what the table clashes with.
func siblings(ctx context.Context, h *lint.Host, want *nft.Ruleset) error {
	if want == nil {
		return nil
	}
	c, err := nftlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := Siblings(ctx, c, want)
	if err != nil {
		return err
	}
	for _, s := range all {
		for _, clash := range s.Clashes {
			h.Clashes = append(h.Clashes, lint.Clash{Table: s.Table, Kind: clash.Kind, Name: clash.Name, Other: clash.Other, What: clash.What})
		}
	}
	return nil
}
