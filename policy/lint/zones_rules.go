package lint

import "github.com/snatctl/snatctl/policy"

// zoneRules are the rules about zones.
func zoneRules() []Rule {
	return []Rule{{
		Code: "Z04", Severity: policy.Warning, check: catchAllInside,
		Title: "A zone takes every source, and neither `gateway.uplinks` nor `oif` says where outside is.",
		Why: "Without uplinks zones decide about every forwarded connection, also about those between two inside networks: their servers' logs " +
			"and access lists see laddrs instead of clients.",
		Bad: `
version: 1
laddrs:
  out: 20.0.2.1-20.0.2.2
zones:
  - {name: everyone, from: 0.0.0.0/0, laddrs: out, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
`,
		Good: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  out: 20.0.2.1-20.0.2.2
zones:
  - {name: everyone, from: 0.0.0.0/0, laddrs: out, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
`,
	}}
}
