package main

import (
	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// compilerRules are the rules that the compiler refuses valid policies by.
func compilerRules() []lint.Rule {
	about := map[string]lint.Rule{
		"K01": {Why: "A table of thousands of chains is slow to load and cannot be read by people, so there is a bound. " +
			"Pools that are one range, and zones without conditions, need no chain of their own: join addresses to ranges, or split the policy over two gateways."},
		"K02": {Why: "A pool that is one range is one element of a map, whatever its size. One that has holes or weights, or another selection than by source, is listed " +
			"address by address, which costs memory and time for each. Write it as one range."},
		"K04": {Why: "Blocks stand in a map from a source to a laddr with ports, and nft 1.0.6 cannot hold that with IPv6 addresses. IPv6 has addresses enough: " +
			"give such sources a pool without blocks."},
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
