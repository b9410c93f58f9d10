package lint

import (
	"slices"

	"github.com/snatctl/snatctl/policy"
)

// hostRules are the rules that hold a policy against a machine.
func hostRules() []Rule {
	return slices.Concat(placeRules(), gatewayRules(), conntrackRules(), liveHealthRules())
}

// placeRules are about interfaces, routes and addresses.
func placeRules() []Rule {
	return []Rule{{
		Code: "Z11", Severity: policy.Warning, Live: true, live: missingInterfaces,
		Needs: Needs{Facts: Interfaces}, about: wantsInterfaces,
		Title: "An interface of the policy does not exist on this host.",
		Why: "nftables compares interface names when a packet passes, and accepts any name. A zone with a misspelt uplink translates nothing, " +
			"and its clients' packets leave with private addresses. Names with an asterisk, such as `ppp*`, are not checked, since such " +
			"interfaces come and go.",
	}, {
		Code: "Z12", Severity: policy.Warning, Live: true, live: lost,
		Needs: Needs{Facts: Routes}, about: hasZones,
		Title: "No inside interface has a route to a zone's sources.",
		Why: "The gateway's routes decide which way answers go to the client. Without a route they leave by the default route, back to where " +
			"they came from. Or the network in the policy is mistyped. Inside is every interface that is not an uplink of the zone.",
	}, {
		Code: "P03", Severity: policy.Warning, Live: true, live: homeless,
		Needs: Needs{Facts: Interfaces | Routes}, about: needsHome,
		Title: "A laddr is neither on this host nor routed to it.",
		Why: "Answers to a laddr must reach this host. With `addresses: routes` under gateway, apply makes each VIP and laddr an address of this " +
			"host, and this rule finds nothing. By hand, the right way depends on the address. If it is in a network of the host's own " +
			"interfaces, neighbours ask for the address itself. Nobody answers unless an interface has it or, for IPv4, there is a `local` " +
			"route on lo. IPv6 also needs the local route and, on the uplink, proxy_ndp=1 and an `ip -6 neigh add proxy` for each address. A " +
			"blackhole route breaks translation there. If the address is behind a router, the router needs a route to this host, which cannot " +
			"be seen from here: a local or blackhole route for the pool's prefix says that the router has it. Such a route also stops packets " +
			"to unused ports, which would go back and forth between the two routers until their TTL runs out; translated answers do not meet " +
			"it. A blackhole route also stops the gateway's own calls, so do not use it for a VIP that the gateway calls.",
	}, {
		Code: "P09", Severity: policy.Warning, Live: true, live: portsOfHost,
		Needs: Needs{Interfaces, []string{"net/ipv4/ip_local_port_range", "net/ipv4/ip_local_reserved_ports"}}, about: hasPorts,
		Title: "A pool's ports meet those that the host itself uses on the same address.",
		Why: "The host's own connections (its updates, its health checks) take ports of net.ipv4.ip_local_port_range. Where a pool with `ports` " +
			"has the same address and some of these ports, the two take each other's, and logs of ports name the wrong one.",
	}}
}
