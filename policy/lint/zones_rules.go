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
	}, {
		Code: "Z04", Severity: policy.Warning, check: catchAllInside,
		Title: "A zone takes every source, and neither `gateway.uplinks` nor `oif` says where outside is.",
		Why: "Without uplinks zones decide about every forwarded connection, also about those between two inside networks: their servers' logs " +
			"and access lists see laddrs instead of clients.",
	}, {
		Code: "Z05", Severity: policy.Warning, check: ownInside,
		Title: "A zone's sources hold a VIP or a laddr of the same policy.",
		Why: "VIPs and laddrs are the gateway's own: no client has one. A zone that holds one is written too wide, or a pool was cut out of a " +
			"network that is in use; then a client with the laddr's address and the translated ones are taken for each other. Laddrs of FULLNAT services in the network of " +
			"their real servers are meant to stand there.",
	}, {
		Code: "Z06", Severity: policy.Warning, check: privateTranslated,
		Title: "A zone translates on the way to private destinations, too.",
		Why: "Private destinations (RFC 1918, fc00::/7) lie behind tunnels and in other inside networks. Translated, all clients look alike there: " +
			"access lists, logs and calls back to the client break. `exclude` lists what is left as it is; a zone before that accepts does the same. " +
			"A zone whose `to` lists nothing else means them.",
	}, {
		Code: "Z10", Severity: policy.Warning, check: serversStay,
		Title: "Sources in no zone are refused, and no zone has the family of a service's real servers.",
		Why: "Answers of real servers pass, since their connections are established. What servers begin themselves (updates, name lookups, mail) " +
			"is in no zone, and `unmatched` refuses it.",
	}}
}
