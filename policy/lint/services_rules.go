package lint

import "github.com/snatctl/snatctl/policy"

// serviceRules are the rules about services.
func serviceRules() []Rule {
	return []Rule{{
		Code: "S03", Severity: policy.Warning, check: adminPortTaken, live: listeners,
		Needs: Needs{Facts: Interfaces | Listeners}, about: hasServices,
		Title: "A service takes a port that the gateway itself needs.",
		Why: "Services come before the gateway's own sockets. If operators log in at an address that has a service with tcp/22 or tcp/*, they " +
			"get a real server instead, and can no longer log in to repair it. With `--live`, every local listener on a VIP counts.",
	}, {
		Code: "S04", Severity: policy.Warning, check: allDrained,
		Title: "All real servers of a service have weight 0.",
		Why: "Weight 0 drains: existing flows stay, and new ones go to other servers. If all servers drain there are no others, and `on_empty` " +
			"answers every client.",
	}, {
		Code: "S05", Severity: policy.Warning, check: noRealServers,
		Title: "A service has no real servers and does not say what happens then.",
		Why:   "An empty list is more often an oversight than intended. If it is intended, write `on_empty`.",
	}, {
		Code: "S10", Severity: policy.Warning, check: neighbours,
		Title: "Clients of a NAT service are in the network of a real server.",
		Why: "In mode nat the real server sees the client. If both are on one link, the server answers directly, with its own address as the " +
			"source. But the client called the VIP, so it drops the answer. With `hairpin` the real server sees the gateway in place of such " +
			"clients, with FULLNAT a laddr in place of all, and answers to the gateway. lint takes a /24, or a /64, for one network.",
	}, {
		Code: "S11", Severity: policy.Warning, check: roundedShares,
		Title: "The weights of a service need more than 1,024 slots, so shares are rounded.",
		Why: "A schedule has one slot for each unit of weight, after the weights are divided by their common divisor, and at most 1,024 slots. " +
			"Beyond that, shares are rounded by largest remainder, and small weights get at least one slot each: more than their share.",
	}, {
		Code: "S12", Severity: policy.Warning, check: noAgent,
		Title: "A least-connection scheduler acts as wrr where no agent runs.",
		Why: "nftables chooses from tables, and cannot count the connections of a real server. `snatctl agent` counts them and changes the weights " +
			"accordingly. Without it real servers get turns by weight, however busy they are. A policy that mentions `health_check` is " +
			"taken for one that an agent carries out.",
	}, {
		Code: "S13", Severity: policy.Warning, check: persistenceLength,
		Title: "A service's persistence is shorter than an idle flow lives, or longer than a day.",
		Why: "An idle UDP flow is remembered for 120 s. If the client's entry ends earlier, a new connection of the same client goes to another " +
			"real server while the old flow still goes to the first. Entries that last for days fill the map and keep clients away from new " +
			"real servers.",
	}, {
		Code: "S14", Severity: policy.Warning, check: access,
		Title: "`allow` and `deny` leave no source, or `deny` contains sources that `allow` does not contain.",
		Why: "`deny` wins over `allow`, and with `allow` every other source is dropped. A service that nobody may call, or a `deny` that changes " +
			"nothing, is more often a mistake than intended.",
	}, {
		Code: "S15", Severity: policy.Warning, check: oneRealServer,
		Title: "A service has only one real server.",
		Why:   "With one server there is nothing to balance, and nothing is left when it fails or is drained for maintenance.",
	}, {
		Code: "S22", Severity: policy.Warning, check: ownCallers,
		Title: "A real server may call its own NAT service, and `hairpin` does not say what happens then.",
		Why: "In mode nat the real server sees the caller. If that is the same machine, or one on the same network, the answer does not come " +
			"back through the gateway, and the caller drops it. `hairpin: true` gives such callers the gateway's address, so the answer comes back. " +
			"`hairpin: false` says that no real server calls. The sources of zones, and of tests that call the service, show who may call. If the service has " +
			"`allow`, only that counts.",
	}, {
		Code: "S23", Severity: policy.Warning, Live: true, live: linked,
		Needs: Needs{Facts: Interfaces | Routes | Neighbours}, about: hasNATServices,
		Title: "Other hosts on the network of a NAT service's real server could call the service.",
		Why: "This is S10 by what the host knows: the networks of its interfaces, whatever their length, and the neighbours it has met. A real " +
			"server answers callers on its own network directly, not through the gateway, and they drop the answer. With `hairpin` for that network the real server " +
			"sees the gateway in place of these callers. Routers and the service's own real servers do not count as neighbours.",
	}, {
		Code: policy.NoAddress, Severity: policy.Warning, Live: true, live: unaddressed,
		Needs: Needs{Facts: Interfaces}, about: hasInterfaceVIPs,
		Title: "An interface whose addresses are VIPs has no address.",
		Why: "A link of PPPoE or DHCP may be down, or not up yet. apply goes on without such a VIP: all else of the policy works, and nobody can " +
			"call the service there. When the address comes, apply has to run again, which a hook of the DHCP client or of pppd can do.",
	}}
}
