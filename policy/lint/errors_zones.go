package lint

// formExamples show what is wrong with the gateway, names, values, tests and zones.
func formExamples() []example {
	return []example{
		{"F01", "What could not be read is not known to be empty: applying the rest would take away what stands there.", "", ""},
		{"G01", "A word that is not known would have to be guessed. The keys of the gateway stand in one file, so that no order of files decides.",
			`
version: 1
gateway: {uplinks: [wan0], unmatched: deny}
`, `
version: 1
gateway: {uplinks: [wan0], unmatched: drop}
`},
		{"N01", "Names lead from reports and from the table back to the policy. Two objects of one name could not be told apart, and a name that nft or a shell reads otherwise cannot be used there.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: web, vip: 20.0.1.2, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: shop, vip: 20.0.1.2, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"N02", "Names are not looked up: what a policy means must not depend on what a name server says while it is applied.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [rs1.example.org, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"N03", "YAML takes much for something else than it looks like, and a misspelt key would be left out without a word. So what is not understood is refused, with its place.",
			`
version: 1
gateway: {uplink: [wan0]}
`, `
version: 1
gateway: {uplinks: [wan0]}
`},
		{"T02", "The test could never pass, or would promise nothing.",
			`
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: quarantine, from: 10.66.0.0/16, action: drop}
tests:
  - {from: 10.66.0.7, to: "8.8.8.8:443", proto: tcp, expect: {zone: quarantin}}
`, `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: quarantine, from: 10.66.0.0/16, action: drop}
tests:
  - {from: 10.66.0.7, to: "8.8.8.8:443", proto: tcp, expect: {zone: quarantine}}
`},
		{"T03", "No packet has addresses of two families.",
			`
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: quarantine, from: 10.66.0.0/16, action: drop}
tests:
  - {from: 10.66.0.7, to: "[2a0e:1::1]:443", proto: tcp, expect: {zone: quarantine}}
`, `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: quarantine, from: 10.66.0.0/16, action: drop}
tests:
  - {from: 10.66.0.7, to: "8.8.8.8:443", proto: tcp, expect: {zone: quarantine}}
`},
		{"Z01", "The zone looks as if it did something. The first zone that matches decides, so the more special one stands first.",
			`
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/16, action: accept}
  - {name: printers, from: 10.1.99.0/24, action: drop}
`, `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: printers, from: 10.1.99.0/24, action: drop}
  - {name: office, from: 10.1.0.0/16, action: accept}
`},
		{"Z03", "Either the length or the address is wrong, and nobody but the author knows which.",
			`
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: printers, from: 10.1.99.5/24, action: drop}
`, `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: printers, from: 10.1.99.0/24, action: drop}
`},
		{"Z07", "The zone has no address to translate to.",
			`
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: offices, exclude: 10.0.0.0/8}
`, `
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`},
		{"Z08", "Nothing is translated from one family to the other, so these connections would find no laddr and be dropped.",
			`
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: [10.1.0.0/24, "fd01::/64"], laddrs: office, exclude: [10.0.0.0/8, "fd00::/8"]}
`, `
version: 1
laddrs:
  office: [20.0.2.1-20.0.2.4, "2a0e:1::1-2a0e:1::4"]
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: [10.1.0.0/24, "fd01::/64"], laddrs: office, exclude: [10.0.0.0/8, "fd00::/8"]}
`},
		{"Z09", "ICMP has no ports, so nothing would match.",
			`
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: pings, from: 10.1.0.0/16, ports: icmp/8, action: drop}
`, `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: pings, from: 10.1.0.0/16, ports: icmp, action: drop}
`},
		{"Z13", "One of the two would be left out without a word.",
			`
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, action: masquerade, exclude: 10.0.0.0/8}
`, `
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`},
		{"Z14", "Each source has its own address at the same offset, so both sides need as many.",
			`
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: lab, from: 10.9.8.0/24, map: 20.0.3.0/25}
`, `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: lab, from: 10.9.8.0/24, map: 20.0.3.0/24}
`},
	}
}
