package lint

import "github.com/snatctl/snatctl/policy"

// poolRules are the rules about pools.
func poolRules() []Rule {
	return []Rule{{
		Code: "P02", Severity: policy.Warning, check: inTwoPools,
		Title: "Two pools have the same address.",
		Why: "Then an address and port no longer tell which zone or service a connection belongs to, each pool counts on ports that the other " +
			"one uses, and draining the address in one pool leaves it in the other. A zone and a service may share an address, since their " +
			"connections differ: say so with an ignore.",
	}, {
		Code: "P05", Severity: policy.Warning, check: networkAddress,
		Title: "A pool contains the network address and the broadcast address of its prefix.",
		Why: "On a link with that subnet, the two addresses have other meanings: routers and hosts drop packets from them, so some connections " +
			"hang while most work. If the prefix is routed to the gateway instead, there is no such subnet and every address can be used. IPv6 " +
			"has no broadcast.",
	}, {
		Code: "P06", Severity: policy.Warning, check: unusedPool,
		Title: "No zone and no service uses a pool.",
		Why:   "Its addresses translate nothing. Either a zone names the wrong pool, or the addresses could be used elsewhere.",
	}, {
		Code: "P07", Severity: policy.Warning, check: smallPortRange,
		Title: "A pool has fewer than 1,000 ports per laddr.",
		Why: "A laddr can have as many connections to one destination and port as it has ports. One client may open dozens of connections to a " +
			"web site, or hundreds through a proxy. When no port is left, the kernel drops new connections and tells nobody.",
	}, {
		Code: "P10", Severity: policy.Warning, check: manyFaces,
		Title: "Connections of one client leave with several addresses.",
		Why: "With any `select` except `source`, the connections of one client leave with different laddrs. Banks and mail servers that tie a " +
			"login to an address refuse this, and calls between peers fail (RFC 4787, REQ-2).",
	}, {
		Code: "P11", Severity: policy.Warning, check: randomPorts,
		Title: "A pool has random ports.",
		Why: "A client then has another outside port toward every destination, so peers cannot reach it at the port that they learned (RFC 4787, " +
			"REQ-1). Random ports protect against guessed ports (RFC 6056), but resolvers and clients choose random ports themselves today.",
	}, {
		Code: "P12", Severity: policy.Info, check: poolOfOne,
		Title: "A pool has only one address.",
		Why: "When a mail provider or a web site blocks this address, everybody behind it is blocked, and there is no other address to move to. " +
			"All clients share its ports, too.",
	}, {
		Code: "P13", Severity: policy.Info, check: unroutedLaddr,
		Title: "A zone uses laddrs that the internet does not route, and reaches any destination with them.",
		Why: "Documentation addresses (RFC 5737, RFC 3849) are left over from an example. Private addresses (RFC 1918, RFC 6598, RFC 4193) are " +
			"right if another NAT follows, or if there are only private networks: then say so with an ignore.",
	}}
}
