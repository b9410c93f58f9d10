package lint

import "github.com/snatctl/snatctl/policy"

// zoneRules are the rules about zones.
func zoneRules() []Rule {
	return []Rule{{
		Code: "Z02", Severity: policy.Warning, check: shadowed,
		Title: "An earlier zone takes part of a zone's sources and treats them differently.",
		Why: "Zones are tried in order, and the first that matches decides. If an earlier zone has some of a later zone's sources, their " +
			"connections leave with the earlier zone's laddrs, or not at all, whatever the later zone says. It is no finding if the narrower " +
			"zone is an exception from a wider one and one of the two translates while the other does not, or if the later zone is the last one " +
			"and takes every source.",
	}, {
		Code: "Z04", Severity: policy.Warning, check: catchAllInside,
		Title: "A zone takes every source, and neither `gateway.uplinks` nor `oif` says which interfaces lead outside.",
		Why: "Without uplinks, zones decide about every forwarded connection, also about those between two inside networks. The logs and access " +
			"lists of inside servers then see laddrs instead of clients.",
	}, {
		Code: "Z05", Severity: policy.Warning, check: ownInside,
		Title: "A zone's sources contain a VIP or a laddr of the same policy.",
		Why: "VIPs and laddrs belong to the gateway: no client has one. Either the zone is too wide, or the pool was taken from a network that " +
			"is in use. Then a client with the laddr's address cannot be told from translated clients. It is no finding if the laddrs of a " +
			"FULLNAT service are in the network of its real servers.",
	}, {
		Code: "Z06", Severity: policy.Warning, check: privateTranslated,
		Title: "A zone also translates connections to private destinations.",
		Why: "Private destinations (RFC 1918, fc00::/7) are behind tunnels and in other inside networks. If connections to them are translated, " +
			"all clients look alike there: access lists, logs and calls back to the client break. `exclude` lists destinations that are left " +
			"untranslated; an earlier zone that accepts does the same. A zone whose `to` lists only private destinations is no finding.",
	}, {
		Code: "Z10", Severity: policy.Warning, check: serversStay,
		Title: "Sources in no zone are refused, and no zone has the family of a service's real servers.",
		Why: "Answers of real servers pass, since their connections are established. But connections that the servers open themselves (updates, " +
			"name lookups, mail) are in no zone, and `unmatched` refuses them.",
	}}
}
