package host

import (
	"context"
	"strings"

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
// table of a policy, clashes with.
func Siblings(ctx context.Context, c *nftlink.Conn, want *nft.Ruleset) ([]Sibling, error) {
	chains, err := c.BaseChains(ctx)
	if err != nil {
		return nil, err
	}
	var out []Sibling
	var ours ct.Bindings
	seen := map[string]bool{want.Table: true}
	for _, ch := range chains {
		if ch.Family != "inet" || seen[ch.Table] {
			continue
		}
		seen[ch.Table] = true
		head, err := c.Head(ctx, ch.Table)
		if err != nil {
			return nil, err
		}
		if head == nil || !strings.HasPrefix(head.Comment, "made by snatctl") {
			continue
		}
		live, _, err := c.Read(ctx, ch.Table)
		if err != nil {
			return nil, err
		}
		if live == nil {
			continue
		}
		if out == nil {
			ours = readback.Bindings(want)
		}
		if both := ct.Clashes(ours, readback.Bindings(live)); len(both) > 0 {
			out = append(out, Sibling{ch.Table, both})
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
