package integration

import "slices"

// change is a zone or service before and after an apply, with live flows that meet it.
type change struct {
	name      string
	kind      string // "services" or "zones"
	was, will string // lines of that list of the policy; empty: it is not there
	flows     []liveFlow
}

// liveFlow is a flow that stands before the apply.
type liveFlow struct {
	// call is "PROTO SOURCE > DESTINATION"; syn is a TCP connection that nobody answers. The
	// host is Office, or what stands before a colon: "gateway: udp 192.0.2.2 > …". No two flows
	// have the same protocol, source address and destination.
	call string
	ends bool
	then string // what its next packet meets, as in packet.want: a datagram an answer, TCP a reset; empty: none is sent
}

// nobody is an address of the real servers' network where nobody answers.
const nobody = "192.168.1.77"

// changes are what an apply may do to objects with live flows. Addresses tell the cases apart:
// each has a VIP or sources of its own.
func changes() []change { return slices.Concat(serviceChanges, zoneChanges, foreignChanges) }

var serviceChanges = []change{
	{"a real server is removed", "services",
		"- {name: dns, vip: [203.0.113.1, '2001:db8::1'], ports: [udp/53, tcp/53], real_servers: [192.168.1.1, 'fd05::1']}",
		"- {name: dns, vip: [203.0.113.1, '2001:db8::1'], ports: [udp/53, tcp/53], real_servers: [192.168.1.2, 'fd05::2']}",
		[]liveFlow{
			{"udp 10.1.128.1 > 203.0.113.1:53", true, "rs2 sees 10.1.128.1"},
			{"udp fd01::8000:0:0:1 > [2001:db8::1]:53", true, "rs2 sees fd01::8000:0:0:1"},
			{"tcp 10.1.128.1 > 203.0.113.1:53", true, "refused"},
			{"tcp fd01::8000:0:0:1 > [2001:db8::1]:53", true, "refused"},
			{"gateway: udp 192.0.2.2 > 203.0.113.1:53", true, "rs2 sees 192.0.2.2"},
		}},
	{"a real server is removed that does not answer", "services",
		"- {name: slow, vip: 203.0.113.2, ports: [tcp/80, sctp/80], real_servers: " + nobody + "}",
		"- {name: slow, vip: 203.0.113.2, ports: [tcp/80, sctp/80], real_servers: 192.168.1.2}",
		[]liveFlow{{"syn 10.1.128.1 > 203.0.113.2:80", true, "rs2 sees 10.1.128.1"}, {"sctp 10.1.5.9 > 203.0.113.2:80", true, ""}}},
	{"nothing", "services",
		"- {name: same, vip: [203.0.113.3, '2001:db8::3'], ports: [tcp/80, udp/80], real_servers: [192.168.1.1, 'fd05::1']}",
		"- {name: same, vip: [203.0.113.3, '2001:db8::3'], ports: [tcp/80, udp/80], real_servers: [192.168.1.1, 'fd05::1']}",
		[]liveFlow{
			{"tcp 10.1.128.1 > 203.0.113.3:80", false, ""},
			{"tcp fd01::8000:0:0:1 > [2001:db8::3]:80", false, ""},
			{"udp 10.1.128.1 > 203.0.113.3:80", false, "rs1 sees 10.1.128.1"},
		}},
	{"a service is deleted", "services",
		"- {name: gone, vip: 203.0.113.4, ports: [udp/53, tcp/80], real_servers: 192.168.1.1}", "",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.4:53", true, ""}, {"tcp 10.1.128.1 > 203.0.113.4:80", true, ""}}},
	{"a service gets empty", "services",
		"- {name: empty, vip: 203.0.113.5, ports: [udp/53, tcp/53], real_servers: 192.168.1.1}",
		"- {name: empty, vip: 203.0.113.5, ports: [udp/53, tcp/53], real_servers: []}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.5:53", true, "refused"}, {"tcp 10.1.128.1 > 203.0.113.5:53", true, ""}}},
	{"a real server gets another port", "services",
		"- {name: moved, vip: 203.0.113.6, ports: udp/80, real_servers: ['192.168.1.1:8080']}",
		"- {name: moved, vip: 203.0.113.6, ports: udp/80, real_servers: ['192.168.1.1:8000']}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.6:80", true, "rs1 sees 10.1.128.1"}}},
	{"all real servers drain", "services",
		"- {name: drain, vip: 203.0.113.7, ports: [tcp/80, udp/80], real_servers: 192.168.1.1}",
		"- {name: drain, vip: 203.0.113.7, ports: [tcp/80, udp/80], real_servers: [{address: 192.168.1.1, weight: 0}]}",
		[]liveFlow{{"tcp 10.1.128.1 > 203.0.113.7:80", false, ""}, {"udp 10.1.128.1 > 203.0.113.7:80", false, "rs1 sees 10.1.128.1"}}},
	{"a service is renamed", "services",
		"- {name: before, vip: 203.0.113.8, ports: tcp/80, real_servers: 192.168.1.1}",
		"- {name: after, vip: 203.0.113.8, ports: tcp/80, real_servers: 192.168.1.1}",
		[]liveFlow{{"tcp 10.1.128.1 > 203.0.113.8:80", false, ""}}},
	{"ports move to another service", "services",
		"- {name: left, vip: 203.0.113.9, ports: [udp/80, udp/443], real_servers: 192.168.1.1}",
		`- {name: left, vip: 203.0.113.9, ports: udp/5353, real_servers: 192.168.1.1}
  - {name: right, vip: 203.0.113.9, ports: udp/80, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: right2, vip: 203.0.113.9, ports: udp/443, real_servers: 192.168.1.3}`,
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.9:80", false, "rs1 sees 10.1.128.1"}, {"udp 10.1.128.1 > 203.0.113.9:443", true, "rs3 sees 10.1.128.1"}}},
	{"one port is taken out of a range", "services",
		"- {name: range, vip: 203.0.113.11, ports: udp/8000-8009, real_servers: 192.168.1.1}",
		`- {name: range, vip: 203.0.113.11, ports: udp/8000-8009, real_servers: 192.168.1.1}
  - {name: exact, vip: 203.0.113.11, ports: udp/8005, real_servers: 192.168.1.2}`,
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.11:8001", false, "rs1 sees 10.1.128.1"}, {"udp 10.1.128.1 > 203.0.113.11:8005", true, "rs2 sees 10.1.128.1"}}},
	{"a FULLNAT service gets another laddr", "services",
		"- {name: full, vip: [203.0.113.12, '2001:db8::12'], ports: udp/53, mode: fullnat, laddrs: [192.168.2.1, 'fd06::1'], real_servers: [192.168.1.1, 'fd05::1']}",
		"- {name: full, vip: [203.0.113.12, '2001:db8::12'], ports: udp/53, mode: fullnat, laddrs: [192.168.2.2, 'fd06::2'], real_servers: [192.168.1.1, 'fd05::1']}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.12:53", true, "rs1 sees 192.168.2.2"}, {"udp fd01::8000:0:0:1 > [2001:db8::12]:53", true, "rs1 sees fd06::2"}}},
	{"a FULLNAT service's laddr drains", "services",
		"- {name: full0, vip: 203.0.113.13, ports: udp/53, mode: fullnat, laddrs: 192.168.2.11, real_servers: 192.168.1.1}",
		"- {name: full0, vip: 203.0.113.13, ports: udp/53, mode: fullnat, laddrs: [{address: 192.168.2.11, weight: 0}, 192.168.2.12], real_servers: 192.168.1.1}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.13:53", false, "rs1 sees 192.168.2.11"}}},
	{"FULLNAT becomes NAT", "services",
		"- {name: bare, vip: 203.0.113.14, ports: udp/53, mode: fullnat, laddrs: 192.168.2.21, real_servers: 192.168.1.1}",
		"- {name: bare, vip: 203.0.113.14, ports: udp/53, mode: nat, real_servers: 192.168.1.1}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.14:53", true, "rs1 sees 10.1.128.1"}}},
	{"a persistent service loses its real server", "services",
		"- {name: sticky, vip: [203.0.113.15, '2001:db8::15'], ports: udp/53, persistence: 300s, real_servers: [192.168.1.1, 'fd05::1']}",
		"- {name: sticky, vip: [203.0.113.15, '2001:db8::15'], ports: udp/53, persistence: 300s, real_servers: [192.168.1.2, 'fd05::2']}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.15:53", true, "rs2 sees 10.1.128.1"}, {"udp fd01::8000:0:0:1 > [2001:db8::15]:53", true, "rs2 sees fd01::8000:0:0:1"}}},
	{"a persistent service's real server drains", "services",
		"- {name: sticky0, vip: 203.0.113.21, ports: udp/53, persistence: 300s, real_servers: 192.168.1.1}",
		"- {name: sticky0, vip: 203.0.113.21, ports: udp/53, persistence: 300s, real_servers: [{address: 192.168.1.1, weight: 0}, 192.168.1.2]}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.21:53", false, "rs1 sees 10.1.128.1"}}},
	{"sources are refused", "services",
		"- {name: closed, vip: 203.0.113.16, ports: tcp/80, real_servers: 192.168.1.1}",
		"- {name: closed, vip: 203.0.113.16, ports: tcp/80, deny: 10.0.0.0/8, real_servers: 192.168.1.1}",
		[]liveFlow{{"tcp 10.1.128.1 > 203.0.113.16:80", false, ""}}},
	{"a service gets another VIP", "services",
		"- {name: vip, vip: 203.0.113.17, ports: udp/53, real_servers: 192.168.1.1}",
		"- {name: vip, vip: 203.0.113.18, ports: udp/53, real_servers: 192.168.1.1}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.17:53", true, ""}}},
}

var zoneChanges = []change{
	{"a laddr is taken from a pool", "zones",
		"- {name: office, from: [10.1.129.0/24, 'fd01::8000:1:0:0/96'], laddrs: [198.51.100.1, '2001:db8:99::1']}",
		"- {name: office, from: [10.1.129.0/24, 'fd01::8000:1:0:0/96'], laddrs: [198.51.100.2, '2001:db8:99::2']}",
		[]liveFlow{
			{"udp 10.1.129.1 > 8.8.8.8:53", true, "outside sees 198.51.100.2"},
			{"udp fd01::8000:1:0:1 > [2001:db8:8::8]:53", true, "outside sees 2001:db8:99::2"},
			{"tcp 10.1.129.1 > 8.8.8.8:80", true, "refused"},
			{"icmp 10.1.129.1 > 8.8.8.8", true, ""},
			{"icmp fd01::8000:1:0:1 > 2001:db8:8::8", true, ""},
		}},
	{"one of several laddrs is taken from a pool", "zones", // turns begin with the first
		"- {name: some, from: 10.1.139.0/24, laddrs: [198.51.100.20, 198.51.100.22], select: round-robin}",
		"- {name: some, from: 10.1.139.0/24, laddrs: 198.51.100.22, select: round-robin}",
		[]liveFlow{{"udp 10.1.139.1 > 8.8.8.8:53", true, "outside sees 198.51.100.22"}, {"udp 10.1.139.2 > 8.8.8.8:53", false, "outside sees 198.51.100.22"}}},
	{"a laddr drains", "zones",
		"- {name: drain, from: 10.1.130.0/24, laddrs: 198.51.100.3}",
		"- {name: drain, from: 10.1.130.0/24, laddrs: [{address: 198.51.100.3, weight: 0}, 198.51.100.4]}",
		[]liveFlow{{"tcp 10.1.130.1 > 8.8.8.8:80", false, ""}, {"udp 10.1.130.1 > 8.8.8.8:53", false, "outside sees 198.51.100.3"}, {"icmp 10.1.130.1 > 8.8.8.8", false, ""}}},
	{"a zone is deleted", "zones",
		"- {name: gone, from: 10.1.131.0/24, laddrs: 198.51.100.5}", "",
		[]liveFlow{{"udp 10.1.131.1 > 8.8.8.8:53", true, "outside sees 10.1.131.1"}, {"tcp 10.1.131.1 > 8.8.8.8:80", true, ""}}},
	{"a 1:1 map changes", "zones",
		"- {name: lab, from: 10.1.132.0/24, map: 198.18.8.0/24}",
		"- {name: lab, from: 10.1.132.0/24, map: 198.18.9.0/24}",
		[]liveFlow{{"udp 10.1.132.1 > 8.8.8.8:53", true, "outside sees 198.18.9.1"}, {"outside: udp 8.8.8.8 > 198.18.8.5:9000", true, ""}}},
	{"a 1:1 map stays", "zones",
		"- {name: lab2, from: 10.1.133.0/24, map: 198.18.10.0/24}",
		"- {name: lab2, from: 10.1.133.0/24, map: 198.18.10.0/24}",
		[]liveFlow{{"udp 10.1.133.1 > 8.8.8.8:53", false, "outside sees 198.18.10.1"}, {"outside: udp 8.8.8.8 > 198.18.10.5:9000", false, "office sees 8.8.8.8"}}},
	{"a destination is excluded", "zones",
		"- {name: but, from: 10.1.134.0/24, laddrs: 198.51.100.6}",
		"- {name: but, from: 10.1.134.0/24, laddrs: 198.51.100.6, exclude: 8.8.8.8}",
		[]liveFlow{{"udp 10.1.134.1 > 8.8.8.8:53", false, "outside sees 198.51.100.6"}, {"tcp 10.1.134.1 > 8.8.8.8:80", false, ""}}},
	{"a zone is renamed", "zones",
		"- {name: bureau, from: 10.1.135.0/24, laddrs: 198.51.100.7}",
		"- {name: buero, from: 10.1.135.0/24, laddrs: 198.51.100.7}",
		[]liveFlow{{"udp 10.1.135.1 > 8.8.8.8:53", false, "outside sees 198.51.100.7"}}},
	{"masquerade becomes a pool", "zones",
		"- {name: home, from: 10.1.136.0/24, action: masquerade}",
		"- {name: home, from: 10.1.136.0/24, laddrs: 198.51.100.8}",
		[]liveFlow{{"udp 10.1.136.1 > 8.8.8.8:53", true, "outside sees 198.51.100.8"}}},
	{"a zone that accepts drops", "zones",
		"- {name: plain, from: 10.1.137.0/24, action: accept}",
		"- {name: plain, from: 10.1.137.0/24, action: drop}",
		[]liveFlow{{"tcp 10.1.137.1 > 8.8.8.8:80", false, ""}, {"udp 10.1.137.1 > 8.8.8.8:53", false, "outside sees 10.1.137.1"}}},
	{"a zone for a port comes in front", "zones",
		"- {name: all, from: 10.1.138.0/24, laddrs: 198.51.100.10}",
		`- {name: name, from: 10.1.138.0/24, ports: udp/53, laddrs: 198.51.100.11}
  - {name: all, from: 10.1.138.0/24, laddrs: 198.51.100.10}`,
		[]liveFlow{{"udp 10.1.138.1 > 8.8.8.8:53", true, "outside sees 198.51.100.11"}, {"udp 10.1.138.1 > 8.8.8.8:80", false, "outside sees 198.51.100.10"}}},
}

// foreignRules are of another program: translations of its own in front of snatctl's, some of
// them in a conntrack zone.
const foreignRules = `table inet foreign {
	chain zones {
		type filter hook prerouting priority raw
		udp dport 9999 ct zone set 7
		udp sport 9999 ct zone set 7
	}
	chain to {
		type nat hook prerouting priority -110
		ip daddr 203.0.113.200 udp dport 80 dnat ip to 192.168.1.1
		ip daddr 203.0.113.4 udp dport 80 dnat ip to 192.168.1.1
		ip daddr 203.0.113.201 udp dport 80 dnat ip to 192.168.1.1
		udp dport 9999 dnat ip to 192.168.1.1
	}
	chain from {
		type nat hook postrouting priority 90
		ip saddr 10.1.140.1 snat ip to 198.51.100.200
		ip saddr 10.1.140.2 masquerade
		ip saddr 10.1.140.3 snat ip to 198.51.100.12
	}
}`

// foreignChanges have flows that snatctl did not translate. None of them ends.
var foreignChanges = []change{
	{"a zone whose sources others translate gets another laddr", "zones",
		"- {name: shared, from: 10.1.140.0/24, laddrs: 198.51.100.13}",
		"- {name: shared, from: 10.1.140.0/24, laddrs: [198.51.100.12, 198.51.100.14]}",
		[]liveFlow{
			{"udp 10.1.140.1 > 8.8.8.8:53", false, "outside sees 198.51.100.200"},
			{"udp 10.1.140.2 > 8.8.8.8:53", false, "outside sees 192.0.2.2"},
			{"udp 10.1.140.3 > 8.8.8.8:53", false, "outside sees 198.51.100.12"},
		}},
	{"a service comes where others translate", "services",
		"", "- {name: new, vip: 203.0.113.201, ports: udp/80, real_servers: 192.168.1.3}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.201:80", false, "rs1 sees 10.1.128.1"}}},
	{"a service loses its real server in another conntrack zone", "services",
		"- {name: zoned, vip: 203.0.113.19, ports: udp/9999, real_servers: 192.168.1.1}",
		"- {name: zoned, vip: 203.0.113.19, ports: udp/9999, real_servers: 192.168.1.2}",
		[]liveFlow{{"udp 10.1.128.1 > 203.0.113.19:9999", false, "rs1 sees 10.1.128.1"}}},
	{"flows that no policy is about", "services",
		"", "- {name: other, vip: 203.0.113.20, ports: udp/80, real_servers: 192.168.1.3}",
		[]liveFlow{
			{"udp 10.1.128.1 > 203.0.113.200:80", false, "rs1 sees 10.1.128.1"},
			{"udp 10.1.128.1 > 203.0.113.4:80", false, "rs1 sees 10.1.128.1"}, // a VIP that goes, at another port
			{"udp 10.1.128.1 > 192.168.1.1:53", false, "rs1 sees 10.1.128.1"},
			{"gateway: udp 192.168.1.254 > 192.168.1.1:53", false, "rs1 sees 192.168.1.254"},
			{"gateway: udp 192.0.2.2 > 8.8.8.8:53", false, "outside sees 192.0.2.2"},
		}},
}
