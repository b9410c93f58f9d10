package compiler

import (
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
)

// KeepSynProxy returns a wanted table with what a live one must not lose while connections live that a SYN
// proxy has opened: the kernel translates their timestamps only as long as some rule of the network
// namespace answers handshakes (nf_synproxy_ipv4_fini), and without it half of them stall. So a
// chain that does stays, and no packet comes to it, until the table goes.
func KeepSynProxy(live, want *nft.Ruleset) *nft.Ruleset {
	answers := func(c *nft.Chain) bool {
		name, _ := layout.ParseChain(c.Name)
		return name.Kind == layout.ChainSynProxy && name.Variant.Offer != (layout.Offer{})
	}
	if live == nil || slices.ContainsFunc(want.Chains, answers) {
		return want
	}
	at := slices.IndexFunc(live.Chains, answers)
	if at < 0 {
		return want
	}
	name, _ := layout.ParseChain(live.Chains[at].Name)
	kept := *want
	before := slices.IndexFunc(want.Chains, func(c *nft.Chain) bool { return layout.KindOfChain(c.Name).Compare(layout.ChainSynProxy) > 0 })
	if before < 0 {
		before = len(want.Chains)
	}
	chain := &nft.Chain{Name: name.String(), Rules: []nft.Rule{synProxyRule(name)}}
	kept.Chains = slices.Insert(slices.Clone(want.Chains), before, chain)
	return &kept
}
