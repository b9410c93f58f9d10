package words

import (
	"fmt"

	"github.com/snatctl/snatctl/policy"
)

// limits quotes the defaults of limits.
var limits = policy.DefaultLimits()

// The keys that bound new connections, of services and of zones.
var (
	serviceLimitKeys = limitKeys("services[].limits",
		"Bounds the service's new connections: how many are open at the same time, and how fast clients make them. All VIPs and ports of the service count together. What `allow` and `deny` refuse does not count.")
	zoneLimitKeys = limitKeys("zones[].limits",
		"Bounds the zone's new connections: how many are open at the same time, and how fast clients make them. A client is a source. Connections that `map` lets in do not count.")
)

// limitKeys are the keys of one mapping of limits, and of what is in it.
func limitKeys(path, meaning string) []Keyword {
	return []Keyword{
		{Path: path, Kind: aMapping, Absent: "no limits",
			Meaning: meaning + " What a limit refuses is counted. Connections that were made before the limits were applied, or before they changed, do not count.",
			Example: "{connections: 10000, connections_per_client: 100, new_per_client: 50/second, burst: 100}", Errors: []string{"L01", "N03"}},
		{Path: path + ".connections", Kind: aNumber, Min: 1, Max: 10_000_000, Absent: "any number",
			Meaning: fmt.Sprintf("How many connections may be open at the same time. Above %d they are counted in parts of about %d, by hash of client and port, so that new connections are cheap: then there are never more, but some are refused from about four fifths of the number on.", policy.ExactConnections, policy.PartConnections),
			Example: "10000", Errors: []string{"N03"}},
		{Path: path + ".connections_per_client", Kind: aNumber, Min: 1, Max: 10_000, Absent: "any number",
			Meaning: "How many connections of one client may be open at the same time.",
			Example: "100", Errors: []string{"N03"}},
		{Path: path + ".new_per_client", Kind: aRate, Absent: "any rate",
			Meaning: "How many new connections one client may make in a time: a second, minute, hour or day.",
			Example: "50/second", Errors: []string{"N03"}},
		{Path: path + ".burst", Kind: aNumber, Min: 1, Max: 65535, Default: fmt.Sprint(limits.Burst),
			Meaning: "How many new connections of one client may come at once, before `new_per_client` bounds them.",
			Example: "100", Errors: []string{"L01", "N03"}},
		{Path: path + ".mask4", Kind: aNumber, Min: 1, Max: 32, Default: fmt.Sprint(limits.Mask4),
			Meaning: "IPv4 clients whose addresses agree in this many leading bits count as one.",
			Example: "24", Errors: []string{"N03"}},
		{Path: path + ".mask6", Kind: aNumber, Min: 1, Max: 128, Default: fmt.Sprint(limits.Mask6),
			Meaning: "IPv6 clients whose addresses agree in this many leading bits count as one. An IPv6 client usually has a /64.",
			Example: "64", Errors: []string{"N03"}},
		{Path: path + ".action", Kind: aWord, Words: list(policy.Drop, policy.Reject), Default: string(limits.Action),
			Meaning: "What happens to connections beyond: `drop` refuses them in silence, so that clients try again; `reject` answers with a TCP reset or an ICMP error.",
			Example: "reject", Errors: []string{"N03"}},
	}
}
