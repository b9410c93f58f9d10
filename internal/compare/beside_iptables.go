package main

import (
	"fmt"
	"slices"
	"strings"
)

// besideIptables is the comparison that lvs-snat's authors made: new connections of snatctl's zones by
// those of iptables' SNAT rules. They claimed 1.80 for theirs.
func besideIptables(r run) string {
	var b strings.Builder
	sizes, _ := sheet{measure: "udp last"}.reach(r)
	for _, n := range sizes {
		var cells []string
		for _, measure := range []string{"udp spread", "udp last", "tcp spread", "tcp last"} {
			for _, rival := range []string{"iptables-nft", "iptables-legacy"} {
				mine, _ := r.find(ours, measure, n)
				theirs, _ := r.find(rival, measure, n)
				cell := "–"
				if mine != nil && theirs != nil {
					cell = times(ratio(mine, theirs))
				}
				cells = append(cells, cell)
			}
		}
		if slices.ContainsFunc(cells, func(c string) bool { return c != "–" }) {
			fmt.Fprintf(&b, "| %d | %s |\n", n, strings.Join(cells, " | "))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "**New connections a second: snatctl's zones divided by iptables' SNAT rules**\n\n" +
		"| zones or rules | UDP, all: nft | legacy | UDP, last: nft | legacy | TCP, all: nft | legacy | TCP, last: nft | legacy |\n" +
		"|---|---|---|---|---|---|---|---|---|\n" + b.String()
}
