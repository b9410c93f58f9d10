package nft_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// maker makes up policies. It draws from few names and addresses, so that policies overlap
// and the way from one to the next is a real difference.
type maker struct{ *rand.Rand }

func (r *maker) pick(s ...string) string { return s[r.IntN(len(s))] }

func (r *maker) policy() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\ngateway: {unmatched: %s, uplinks: %s, offload: %s}\n", r.pick("accept", "drop", "reject"), r.pick("[]", "wan0", "[wan0, wan1]", `[wan1, "ppp*"]`), r.pick("off", "software"))
	b.WriteString("laddrs:\n")
	for i := range 3 {
		fmt.Fprintf(&b, "  p%d: {addresses: [198.51.100.%d%s, \"2001:db8:99::%d\"]%s%s}\n", i, 10*i, r.pick("", fmt.Sprintf("-198.51.100.%d", 10*i+3), fmt.Sprintf(", 198.51.100.%d", 10*i+5)), i,
			r.pick("", "", ", ports: 1024-65535"), r.pick("", "", ", random: true"))
	}
	b.WriteString("zones:\n")
	for i := range r.IntN(5) {
		fmt.Fprintf(&b, "  - {name: z%d, from: [10.%d.0.0/16, \"fd0%d::/64\"]%s%s}\n", i, i, i,
			r.pick(", action: drop", ", action: reject", ", action: masquerade", ", action: accept", ", laddrs: p0", ", laddrs: p1", ", laddrs: p2, select: source-destination"),
			r.pick("", "", ", exclude: 192.168.0.0/16", ", exclude: [192.168.0.0/16, \"fd00::/8\"]"))
	}
	b.WriteString("services:\n")
	for i := range r.IntN(5) {
		servers := []string{}
		for k := range r.IntN(4) {
			servers = append(servers, fmt.Sprintf("192.168.1.%d, \"fd05::%d\"", k+1, k+1))
		}
		fmt.Fprintf(&b, "  - {name: s%d, vip: [203.0.113.%d, \"2001:db8::%d\"], ports: %s, scheduler: %s, %s, on_empty: %s, real_servers: [%s]}\n", i, i+1, i+1,
			r.pick("tcp/80", "[tcp/80, udp/53]", "tcp/8000-8099", "udp/*", "[tcp/22, udp/1000-1999]"), r.pick("rr", "random"),
			r.pick("mode: nat", "mode: fullnat, laddrs: p0", "mode: fullnat, laddrs: p1"), r.pick("reject", "drop", "pass"), strings.Join(servers, ", "))
	}
	return strings.NewReplacer("zones:\nservices", "services", "uplinks: []", "cleanup: stale").Replace(strings.TrimSuffix(b.String(), "services:\n"))
}
