package host

import (
	"context"
	"errors"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy/lint"
)

// chains lists the base chains of all tables but the policy's own and its gate's, and those of iptables' own tables.
func chains(ctx context.Context, h *lint.Host, own string) error {
	c, err := nftlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	all, err := c.BaseChains(ctx)
	if err != nil {
		return err
	}
	legacy, err := Legacy()
	if err != nil {
		return err
	}
	h.Chains = []lint.BaseChain{}
	for _, b := range all {
		if b.Family == "inet" && (b.Table == own || b.Table == layout.GateOf(own)) {
			continue
		}
		h.Chains = append(h.Chains, lint.BaseChain{Family: b.Family, Table: b.Table, Name: b.Name, Type: b.Type, Hook: b.Hook, Priority: b.Priority, Empty: b.Rules == 0,
			Drops: b.Fate.Drops, Passes: b.Fate.Passes})
	}
	h.Chains = append(h.Chains, legacy...)
	return nil
}

// missing tries the policy's table on the kernel.
func missing(ctx context.Context, h *lint.Host, want *nft.Ruleset) error {
	if want == nil {
		return nil
	}
	c, err := nftlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	err = c.Try(ctx, want)
	var refused *nftlink.RefusedError
	if errors.As(err, &refused) && refused.Lacks != "" {
		h.Missing = []lint.Missing{{What: refused.Lacks, Since: complete}}
		return nil
	}
	return err
}

// complete is the first Linux that has all that policies need.
const complete = "5.10"
