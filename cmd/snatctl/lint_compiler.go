package main

import (
	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// compilerRules are the rules that the compiler refuses valid policies by.
func compilerRules() []lint.Rule {
	about := map[string]lint.Rule{
		"K01": {Why: "A table with thousands of chains is slow to load, and people cannot read it, so there is a limit. Pools that are one range, and " +
			"zones without conditions, need no chain of their own: join addresses to ranges, or split the policy over two gateways."},
		"K02": {Why: "A pool that is one range is one element of a map, whatever its size. A pool with holes or weights, or with another selection than " +
			"by source, is listed address by address, and each address costs memory and time. Write it as one range."},
		"K04": {Why: "Blocks are in a map from a source to a laddr with ports, and nft 1.0.6 cannot handle that with IPv6 addresses. IPv6 has enough " +
			"addresses: give such sources a pool without blocks."},
		"K05": {Why: "Only the host knows which addresses an interface has, and they change. apply and diff look them up there. To compile elsewhere, name " +
			"them with `--address wan0=203.0.113.7`. lint leaves such VIPs out, says so, and finds nothing about them."},
		policy.NoNode: {Why: "Each node has laddrs of its own. A gateway that guessed which node it is would use those of another, and take its connections. So a node that " +
			"the policy does not have is an error, and never all nodes together."},
	}
	var rules []lint.Rule
	for _, c := range compiler.Codes() {
		r := about[c.Code]
		r.Code, r.Severity, r.Title = c.Code, policy.Error, c.Meaning
		r.Bad, r.Good = lint.Example(c.Code)
		rules = append(rules, r)
	}
	return rules
}
