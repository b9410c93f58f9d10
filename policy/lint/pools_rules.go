package lint

import "github.com/snatctl/snatctl/policy"

// poolRules are the rules about pools.
func poolRules() []Rule {
	return []Rule{{
		Code: "P02", Severity: policy.Warning, check: inTwoPools,
		Title: "An address stands in two pools.",
		Why: "An address and port then no longer tell whose connection it is, each pool counts on ports that the other takes, and draining the address in " +
			"one pool leaves it in the other. A zone and a service may share an address, since their connections differ: say so with an ignore.",
	}, {
		Code: "P05", Severity: policy.Warning, check: networkAddress,
		Title: "A pool holds the network and the broadcast address of its prefix.",
		Why: "On a link with that subnet both addresses mean other things: routers and hosts drop what comes from them, so some connections hang and most " +
			"work. If the prefix is routed to the gateway instead, there is no such subnet and every address can be used. IPv6 has no broadcast.",
	}, {
		Code: "P06", Severity: policy.Warning, check: unusedPool,
		Title: "No zone and no service uses a pool.",
		Why:   "Its addresses translate nothing. Either a zone names another pool than was meant, or the addresses could serve elsewhere.",
	}, {
		Code: "P07", Severity: policy.Warning, check: smallPortRange,
		Title: "A pool has fewer than 1,000 ports a laddr.",
		Why: "A laddr can hold as many connections to one destination and port as it has ports. One client may open dozens to a web site, hundreds behind a " +
			"proxy; when no port is left the kernel drops new connections without a word.",
	}, {
		Code: "P10", Severity: policy.Warning, check: manyFaces,
		Title: "A zone shows one client under several addresses.",
		Why: "With any `select` but `source` the connections of one client leave with different laddrs. Banks and mail servers that bind a login to an address " +
			"refuse it, and calls between peers fail (RFC 4787, REQ-2).",
	}, {
		Code: "P11", Severity: policy.Warning, check: randomPorts,
		Title: "A pool has random ports.",
		Why: "A client then has another outside port toward every destination, so that peers cannot reach it at the one that it learned (RFC 4787, REQ-1). It " +
			"guards against guessed ports (RFC 6056), which resolvers and clients choose at random themselves today.",
	}, {
		Code: "P12", Severity: policy.Info, check: poolOfOne,
		Title: "A pool is one address.",
		Why:   "When a mail provider or a web site blocks the address, everybody behind it is blocked, and there is no other to move to. All share its ports, too.",
	}, {
		Code: "P13", Severity: policy.Info, check: unroutedLaddr,
		Title: "A zone reaches any destination with laddrs that the internet does not route.",
		Why: "Addresses of documentation (RFC 5737, RFC 3849) are left over from an example. Private ones (RFC 1918, RFC 6598, RFC 4193) are right where " +
			"another NAT comes behind, or where only private networks are: then say so with an ignore.",
	}}
}
