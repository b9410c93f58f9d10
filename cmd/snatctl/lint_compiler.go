package main

import (
	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// compilerRules are the rules that the compiler refuses valid policies by. K01 has no example
// that one could read.
func compilerRules() []lint.Rule {
	about := map[string]lint.Rule{
		"K01": {Why: "A table of thousands of chains is slow to load and cannot be read by people, so there is a bound. " +
			"Pools that are one range, and zones without conditions, need no chain of their own: join addresses to ranges, or split the policy over two gateways."},
		"K02": {Why: "A pool that is one range is one element of a map, whatever its size. One that has holes or weights, or another selection than by source, is listed " +
			"address by address, which costs memory and time for each. Write it as one range.",
			Bad: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  big: [20.8.0.1-20.8.255.254, 20.10.0.1-20.10.255.254]
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: big, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
`, Good: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  big: 20.8.0.1-20.9.255.254
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: big, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
`},
		"K04": {Why: "Blocks stand in a map from a source to a laddr with ports, and nft 1.0.6 cannot hold that with IPv6 addresses. IPv6 has addresses enough: " +
			"give such sources a pool without blocks.",
			Bad: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  fixed: {addresses: "2a00:1::1-2a00:1::2", ports: 1024-65535, block: 1024}
zones:
  - {name: office, from: "fd01::/122", laddrs: fixed, exclude: "fc00::/7"}
`, Good: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: "2a00:1::1-2a00:1::2"
zones:
  - {name: office, from: "fd01::/122", laddrs: office, exclude: "fc00::/7"}
`},
	}
	var rules []lint.Rule
	for _, c := range compiler.Codes() {
		r := about[c.Code]
		r.Code, r.Severity, r.Title = c.Code, policy.Error, c.Meaning
		rules = append(rules, r)
	}
	return rules
}
