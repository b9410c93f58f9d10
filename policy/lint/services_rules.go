package lint

import "github.com/snatctl/snatctl/policy"

// serviceRules are the rules about services.
func serviceRules() []Rule {
	return []Rule{{
		Code: "S03", Severity: policy.Warning, check: adminPortTaken, live: listeners,
		Title: "A service takes a port that the gateway itself is needed by.",
		Why: "Services come before the gateway's own sockets. A service with tcp/22, or with tcp/*, on an address that operators log in by " +
			"sends them to a real server, and the way to repair it is gone, too. With `--live` every local listener on a VIP counts.",
		Bad: `
version: 1
services:
  - {name: all, vip: 20.0.1.1, ports: tcp/*, real_servers: [192.168.1.1, 192.168.1.2]}
`,
		Good: `
version: 1
services:
  - {name: all, vip: 20.0.1.1, ports: [tcp/1-21, tcp/23-65535], real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}, {
		Code: "S04", Severity: policy.Warning, check: allDrained,
		Title: "All real servers of a service have the weight 0.",
		Why:   "A weight of 0 drains: flows stay, new ones go elsewhere. If all drain there is no elsewhere, and `on_empty` answers every client.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [{address: 192.168.1.1, weight: 0}, {address: 192.168.1.2, weight: 0}]}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [{address: 192.168.1.1, weight: 0}, 192.168.1.2]}
`,
	}, {
		Code: "S05", Severity: policy.Warning, check: noRealServers,
		Title: "A service has no real servers and does not say what then.",
		Why:   "An empty list is more often forgotten than meant. `on_empty`, written out, says that it is meant.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: []}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [], on_empty: reject}
`,
	}, {
		Code: "S10", Severity: policy.Warning, check: neighbours,
		Title: "Clients of a NAT service stand in the network of a real server.",
		Why: "In mode nat the real server sees the client. If both are on one link it answers directly, with its own address as the source: the " +
			"client called the VIP, and drops the answer. FULLNAT shows the real server a laddr, so that it answers to the gateway. " +
			"A /24, or a /64, is taken for one network.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, allow: 192.168.0.0/16, real_servers: [192.168.1.1, 192.168.1.2]}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, mode: fullnat, laddrs: 192.168.1.250-192.168.1.253, allow: 192.168.0.0/16, real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}, {
		Code: "S11", Severity: policy.Warning, check: roundedShares,
		Title: "The weights of a service need more than 1,024 slots, so shares are rounded.",
		Why: "A schedule has one slot for each unit of weight, divided by what all weights have in common, and 1,024 at most. Beyond, shares are " +
			"dealt out by largest remainder, and small weights get at least a slot each: more than their share.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: 10000}, {address: 192.168.1.2, weight: 3}]}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, scheduler: wrr, real_servers: [{address: 192.168.1.1, weight: 10000}, {address: 192.168.1.2, weight: 5000}]}
`,
	}, {
		Code: "S12", Severity: policy.Warning, check: noAgent,
		Title: "A least-connection scheduler acts as wrr.",
		Why: "nftables chooses by tables, and cannot count the connections of a real server. `lc` and `wlc` are accepted, so that policies " +
			"can move over from LVS, but real servers get turns by weight however busy they are.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, scheduler: wlc, real_servers: [192.168.1.1, 192.168.1.2]}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, scheduler: wrr, real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}, {
		Code: "S13", Severity: policy.Warning, check: persistenceLength,
		Title: "A service's persistence is shorter than an idle flow lives, or longer than a day.",
		Why: "An idle UDP flow is remembered for 120 s. If the client's entry ends earlier, a new connection of the same client goes to " +
			"another real server while the old flow still leads to the first. Entries of days fill the map and keep clients from new real servers.",
		Bad: `
version: 1
services:
  - {name: sip, vip: 20.0.1.1, ports: udp/5060, persistence: 60s, real_servers: [192.168.1.1, 192.168.1.2]}
`,
		Good: `
version: 1
services:
  - {name: sip, vip: 20.0.1.1, ports: udp/5060, persistence: 300s, real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}, {
		Code: "S14", Severity: policy.Warning, check: access,
		Title: "`allow` and `deny` leave no source, or `deny` holds what is not allowed anyway.",
		Why: "`deny` wins over `allow`, and with `allow` every other source is dropped. A service that nobody may call, or a `deny` that changes " +
			"nothing, is a typing error more often than a plan.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, allow: 10.0.0.0/8, deny: 172.16.0.0/12, real_servers: [192.168.1.1, 192.168.1.2]}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, allow: 10.0.0.0/8, deny: 10.66.0.0/16, real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}, {
		Code: "S15", Severity: policy.Warning, check: oneRealServer,
		Title: "A service has one real server only.",
		Why:   "With one server there is nothing to balance, and nothing left when it fails or is drained for maintenance.",
		Bad: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: 192.168.1.1}
`,
		Good: `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}}
}
