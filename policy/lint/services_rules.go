package lint

import "github.com/snatctl/snatctl/policy"

// serviceRules are the rules about services.
func serviceRules() []Rule {
	return []Rule{{
		Code: "S03", Severity: policy.Warning, check: adminPortTaken,
		Title: "A service takes a port that the gateway itself is needed by.",
		Why: "Services come before the gateway's own sockets. A service with tcp/22, or with tcp/*, on an address that operators log in by " +
			"sends them to a real server, and the way to repair it is gone, too. With `--live` every local listener counts.",
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
