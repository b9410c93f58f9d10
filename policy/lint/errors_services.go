package lint

// addressExamples show what is wrong with pools and services.
func addressExamples() []example {
	return []example{
		{"P01", "A laddr is taken for translated sources. Were it also a VIP or a real server, answers to translated clients would reach the service, or the server's own connections be taken for translated ones.",
			`
version: 1
laddrs:
  office: 20.0.1.1-20.0.1.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
laddrs:
  office: 20.0.2.1-20.0.2.4
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"P04", "The kernel drops packets that carry such an address where it may not stand, so nothing would arrive.",
			`
version: 1
services:
  - {name: web, vip: 127.0.0.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"P08", "No packet has port 0 as its port, and a reversed range holds none.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/8099-8000, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/8000-8099, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"P14", "Every source gets a whole block, and there is none.",
			`
version: 1
laddrs:
  office: {addresses: 20.0.2.1-20.0.2.8, ports: 1024-3071, block: 4096}
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`, `
version: 1
laddrs:
  office: {addresses: 20.0.2.1-20.0.2.8, ports: 1024-65535, block: 1024}
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`},
		{"P15", "The last sources would have no block: they would be refused, always the same ones.",
			`
version: 1
laddrs:
  office: {addresses: 20.0.2.1-20.0.2.2, ports: 1024-65535, block: 1024}
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`, `
version: 1
laddrs:
  office: {addresses: 20.0.2.1-20.0.2.5, ports: 1024-65535, block: 1024}
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`},
		{"P16", "Blocks are counted off from the laddrs in order, so that who had which port follows from the policy alone. Every laddr has as many, and each once.",
			`
version: 1
laddrs:
  office: {addresses: [20.0.2.1-20.0.2.5, 20.0.2.3], block: 1024}
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`, `
version: 1
laddrs:
  office: {addresses: [20.0.2.1-20.0.2.5, 20.0.2.7], block: 1024}
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/24, laddrs: office, exclude: 10.0.0.0/8}
`},
		{"S01", "One packet cannot go to two services.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: shop, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.3, 192.168.1.4]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: shop, vip: 20.0.1.1, ports: tcp/443, real_servers: [192.168.1.3, 192.168.1.4]}
`},
		{"S02", "A packet to a port of both ranges cannot go to two services. An exact port inside a range is allowed, and wins.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/8000-8099, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: shop, vip: 20.0.1.1, ports: tcp/8050-8199, real_servers: [192.168.1.3, 192.168.1.4]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/8000-8099, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: shop, vip: 20.0.1.1, ports: tcp/8100-8199, real_servers: [192.168.1.3, 192.168.1.4]}
`},
		{"S06", "It would get two shares, and nobody could tell which of the two entries a connection belongs to. A weight says that it should get more.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.1]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"S07", "Connections would be sent to the gateway itself, and to the service again.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 20.0.1.1]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"S08", "nftables translates no IPv4 packet to an IPv6 one, so no client would ever reach a real server.",
			`
version: 1
services:
  - {name: web, vip: "2a0e:1::1", ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: [20.0.1.1, "2a0e:1::1"], ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]}
`},
		{"S09", "FULLNAT needs an address of the real server's family to put in the client's place. In mode nat laddrs would do nothing, though they look as if they did.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, mode: fullnat, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, mode: fullnat, laddrs: 192.168.1.250-192.168.1.253, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"S16", "The scheduler rr gives turns alike, so the weights would be ignored.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: 3}]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, scheduler: wrr, real_servers: [192.168.1.1, {address: 192.168.1.2, weight: 3}]}
`},
		{"S17", "One translation of a range either keeps the port that the client called or sets one.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/8000-8099, real_servers: [192.168.1.1, "192.168.1.2:8000"]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/8000-8099, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"S18", "A service is known by its port, and other protocols have none. Zones treat them.",
			`
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: icmp, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2]}
`},
		{"S19", "Every VIP, protocol and port is an element of a map. A million of them, out of a file of any size, is a mistake; ranges of ports cost one each.", "", ""},
		{"S20", "A block belongs to one source, and the clients of a service are not known beforehand.",
			`
version: 1
laddrs:
  inside: {addresses: 192.168.1.250-192.168.1.253, block: 1024}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, mode: fullnat, laddrs: inside, real_servers: [192.168.1.1, 192.168.1.2]}
`, `
version: 1
laddrs:
  inside: {addresses: 192.168.1.250-192.168.1.253}
services:
  - {name: web, vip: 20.0.1.1, ports: tcp/80, mode: fullnat, laddrs: inside, real_servers: [192.168.1.1, 192.168.1.2]}
`},
	}
}
