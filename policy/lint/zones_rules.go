package lint

import "github.com/snatctl/snatctl/policy"

// zoneRules are the rules about zones.
func zoneRules() []Rule {
	return []Rule{{
		Code: "Z02", Severity: policy.Warning, check: shadowed,
		Title: "A zone before takes part of a zone's sources and does otherwise with them.",
		Why: "Zones are asked in order and the first that matches decides. Where a zone before reaches into a later one's sources, those leave " +
			"by the other zone's laddrs or not at all, whatever the later one says. An exception inside of a wider zone is no finding if one of the " +
			"two translates and the other does not, nor is what stands before a last zone for every source.",
		Bad: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: 20.0.2.1-20.0.2.2
  lab: 20.0.2.5-20.0.2.6
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office, exclude: 10.0.0.0/8}
  - {name: lab, from: [10.1.99.0/24, 10.2.0.0/16], laddrs: lab, exclude: 10.0.0.0/8}
`,
		Good: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: 20.0.2.1-20.0.2.2
  lab: 20.0.2.5-20.0.2.6
zones:
  - {name: office, from: [10.1.0.0-10.1.98.255, 10.1.100.0-10.1.255.255], laddrs: office, exclude: 10.0.0.0/8}
  - {name: lab, from: [10.1.99.0/24, 10.2.0.0/16], laddrs: lab, exclude: 10.0.0.0/8}
`,
	}, {
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
	}, {
		Code: "Z05", Severity: policy.Warning, check: ownInside,
		Title: "A zone's sources hold a VIP or a laddr of the same policy.",
		Why: "VIPs and laddrs are the gateway's own: no client has one. A zone that holds one is written too wide, or a pool was cut out of a " +
			"network that is in use; then a client with the laddr's address and the translated ones are taken for each other. Laddrs of FULLNAT services in the network of " +
			"their real servers are meant to stand there.",
		Bad: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: 10.1.255.1-10.1.255.2
zones:
  - {name: office, from: 10.1.0.0/16, to: 30.0.0.0/8, laddrs: office}
`,
		Good: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: 10.2.255.1-10.2.255.2
zones:
  - {name: office, from: 10.1.0.0/16, to: 30.0.0.0/8, laddrs: office}
`,
	}, {
		Code: "Z06", Severity: policy.Warning, check: privateTranslated,
		Title: "A zone translates on the way to private destinations, too.",
		Why: "Private destinations (RFC 1918, fc00::/7) lie behind tunnels and in other inside networks. Translated, all clients look alike there: " +
			"access lists, logs and calls back to the client break. `exclude` lists what is left as it is; a zone before that accepts does the same. " +
			"A zone whose `to` lists nothing else means them.",
		Bad: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  guests: 20.0.2.1-20.0.2.2
zones:
  - {name: guests, from: 10.1.0.0/16, laddrs: guests}
`,
		Good: `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  guests: 20.0.2.1-20.0.2.2
zones:
  - {name: guests, from: 10.1.0.0/16, laddrs: guests, exclude: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}
`,
	}, {
		Code: "Z10", Severity: policy.Warning, check: serversStay,
		Title: "Sources in no zone are refused, and no zone has the family of a service's real servers.",
		Why: "Answers of real servers pass, since their connections are established. What servers begin themselves (updates, name lookups, mail) " +
			"is in no zone, and `unmatched` refuses it.",
		Bad: `
version: 1
gateway: {uplinks: [wan0], unmatched: drop}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`,
		Good: `
version: 1
gateway: {uplinks: [wan0], unmatched: drop}
zones:
  - {name: servers, from: 192.168.2.0/24, action: masquerade, exclude: [10.0.0.0/8, 192.168.0.0/16]}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`,
	}}
}
