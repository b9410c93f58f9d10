package words

import (
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/policy"
)

var uplinkCheck = policy.DefaultUplinkCheck(policy.CheckICMP)

// uplinkKeys are the keys of uplinks that are written as objects.
var uplinkKeys = []Keyword{
	{Path: "gateway.uplinks.NAME", Kind: aMapping,
		Meaning: "One uplink. Its name and that of others determine the number of its routing table, which `snatctl diff` shows.",
		Example: "{interface: wan0, gateway: 192.0.2.254}", Errors: []string{"N01", "N03", "U01"}},
	{Path: "gateway.uplinks.NAME.interface", Kind: anInterface, Required: true,
		Meaning: "The interface that leads there. It may come later, and go: apply and the agent add its routes once it is up.",
		Example: "wan0", Errors: []string{"N01", "U04"}},
	{Path: "gateway.uplinks.NAME.gateway", Kind: anAddress, List: true, Absent: "none: the interface has no neighbours (PPPoE, tunnels), and carries both families",
		Meaning: "The next router, one IPv4 and one IPv6 address at most. An uplink carries the families that it has a router for.",
		Example: `[192.0.2.254, "fe80::1"]`, Errors: []string{"U02", "N02"}},
	{Path: "gateway.uplinks.NAME.weight", Kind: aNumber, Min: 0, Max: 65535, Default: fmt.Sprint(policy.DefaultUplinkWeight),
		Meaning: "The share of the sources of zones with `uplink: balance` that have this uplink. With 0 they never have it.",
		Example: "3", Errors: []string{"N03"}},
	{Path: "gateway.uplinks.NAME.check", Kind: aMapping, Absent: "never checked: the uplink counts as up",
		Meaning: "How `snatctl agent` learns whether the uplink leads anywhere: it asks targets through the uplink itself. Without an agent all uplinks count as up.",
		Example: "{type: icmp, targets: [9.9.9.9, 1.1.1.1]}", Errors: []string{"N03", "U02"}},
	{Path: "gateway.uplinks.NAME.check.type", Kind: aWord, Words: list(policy.CheckICMP, policy.CheckTCP), Required: true,
		Meaning: "`icmp` pings, `tcp` connects.",
		Example: "icmp", Errors: []string{"N03", "U02"}},
	{Path: "gateway.uplinks.NAME.check.targets", Kind: anEndpoint, List: true, Required: true,
		Meaning: "Whom the check asks. One that answers is enough, so take several that do not fail together. With `tcp` each has a port.",
		Example: "[9.9.9.9, 1.1.1.1]", Errors: []string{"N02", "U02", "P08"}},
	{Path: "gateway.uplinks.NAME.check.interval", Kind: aDuration, Default: fmt.Sprint(uplinkCheck.Interval),
		Meaning: "The time from the beginning of one round to that of the next.",
		Example: "2s", Errors: []string{"N03"}},
	{Path: "gateway.uplinks.NAME.check.timeout", Kind: aDuration, Absent: fmt.Sprintf("`%s`, or the interval if that is shorter", uplinkCheck.Timeout),
		Meaning: "How long one round may take.",
		Example: "500ms", Errors: []string{"N03"}},
	{Path: "gateway.uplinks.NAME.check.rise", Kind: aNumber, Min: 1, Max: 1000, Default: fmt.Sprint(uplinkCheck.Rise),
		Meaning: "How many rounds in a row must succeed before an uplink that was down is up. More than `fall`, so that a bad line does not take flows back and forth.",
		Example: "30", Errors: []string{"N03"}},
	{Path: "gateway.uplinks.NAME.check.fall", Kind: aNumber, Min: 1, Max: 1000, Default: fmt.Sprint(uplinkCheck.Fall),
		Meaning: "In how many rounds in a row no target may answer before an uplink is down.",
		Example: "2", Errors: []string{"N03"}},
	{Path: "gateway.routing_tables", Kind: aTableRange, Default: fmt.Sprintf("%d-%d", gateway.RoutingTables.First, gateway.RoutingTables.Last),
		Meaning: "The routing tables that uplinks by name may use, one each. Their ip rules have the first three of these numbers as priorities. Two policies on one host need ranges of their own.",
		Example: "21000-21009", Errors: []string{"U03", "N03"}},
}

// withUplinkKeys puts the keys of uplinks behind the key that they are about.
func withUplinkKeys(keys []Keyword) []Keyword {
	at := slices.IndexFunc(keys, func(k Keyword) bool { return k.Path == "gateway.uplinks" })
	return slices.Insert(keys, at+1, uplinkKeys...)
}
