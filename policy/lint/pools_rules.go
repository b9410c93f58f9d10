package lint

import "github.com/snatctl/snatctl/policy"

// poolRules are the rules about pools.
func poolRules() []Rule {
	return []Rule{{
		Code: "P06", Severity: policy.Warning, check: unusedPool,
		Title: "No zone and no service uses a pool.",
		Why:   "Its addresses translate nothing. Either a zone names another pool than was meant, or the addresses could serve elsewhere.",
		Bad: `
version: 1
laddrs:
  spare: 20.0.2.1-20.0.2.2
`,
		Good: `
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.2
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
`,
	}}
}
