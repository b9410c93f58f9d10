package lint

import "github.com/snatctl/snatctl/policy"

// serviceRules are the rules about services.
func serviceRules() []Rule {
	return []Rule{{
		Code: "S03", Severity: policy.Warning, check: adminPortTaken, live: listeners,
		Needs: Needs{Facts: Interfaces | Listeners}, about: hasServices,
		Title: "A service takes a port that the gateway itself is needed by.",
		Why: "Services come before the gateway's own sockets. A service with tcp/22, or with tcp/*, on an address that operators log in by " +
			"sends them to a real server, and the way to repair it is gone, too. With `--live` every local listener on a VIP counts.",
	}, {
		Code: "S04", Severity: policy.Warning, check: allDrained,
		Title: "All real servers of a service have the weight 0.",
		Why:   "A weight of 0 drains: flows stay, new ones go elsewhere. If all drain there is no elsewhere, and `on_empty` answers every client.",
	}, {
		Code: "S05", Severity: policy.Warning, check: noRealServers,
		Title: "A service has no real servers and does not say what then.",
		Why:   "An empty list is more often forgotten than meant. `on_empty`, written out, says that it is meant.",
	}, {
		Code: "S10", Severity: policy.Warning, check: neighbours,
		Title: "Clients of a NAT service stand in the network of a real server.",
		Why: "In mode nat the real server sees the client. If both are on one link it answers directly, with its own address as the source: the " +
			"client called the VIP, and drops the answer. FULLNAT shows the real server a laddr, so that it answers to the gateway. " +
			"A /24, or a /64, is taken for one network.",
	}, {
		Code: "S11", Severity: policy.Warning, check: roundedShares,
		Title: "The weights of a service need more than 1,024 slots, so shares are rounded.",
		Why: "A schedule has one slot for each unit of weight, divided by what all weights have in common, and 1,024 at most. Beyond, shares are " +
			"dealt out by largest remainder, and small weights get at least a slot each: more than their share.",
	}, {
		Code: "S12", Severity: policy.Warning, check: noAgent,
		Title: "A least-connection scheduler acts as wrr.",
		Why: "nftables chooses by tables, and cannot count the connections of a real server. `lc` and `wlc` are accepted, so that policies " +
			"can move over from LVS, but real servers get turns by weight however busy they are.",
	}, {
		Code: "S13", Severity: policy.Warning, check: persistenceLength,
		Title: "A service's persistence is shorter than an idle flow lives, or longer than a day.",
		Why: "An idle UDP flow is remembered for 120 s. If the client's entry ends earlier, a new connection of the same client goes to " +
			"another real server while the old flow still leads to the first. Entries of days fill the map and keep clients from new real servers.",
	}, {
		Code: "S14", Severity: policy.Warning, check: access,
		Title: "`allow` and `deny` leave no source, or `deny` holds what is not allowed anyway.",
		Why: "`deny` wins over `allow`, and with `allow` every other source is dropped. A service that nobody may call, or a `deny` that changes " +
			"nothing, is a typing error more often than a plan.",
	}, {
		Code: "S15", Severity: policy.Warning, check: oneRealServer,
		Title: "A service has one real server only.",
		Why:   "With one server there is nothing to balance, and nothing left when it fails or is drained for maintenance.",
	}}
}
