package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/internal/sample"
)

// byHand is what somebody writes who knows nftables well and needs this job and nothing else.
func byHand() contender {
	return contender{
		name: "nft by hand", how: "one rule on one map, `nft -f`; a change is `delete element` and `add element`", needs: []string{"nft"},
		services: 10000, zones: 10000,
		load: func(ctx context.Context, s *site, j job) (cost, error) {
			if j.services > 0 {
				return s.runFile(ctx, slotsByHand(j), "nft", "-f")
			}
			return s.runFile(ctx, zonesByHand(j), "nft", "-f")
		},
		change: func(ctx context.Context, s *site, j job) (cost, error) {
			key := sample.VIPs + " . 80 . 0"
			return s.runFile(ctx, fmt.Appendf(nil, "delete element ip byhand slots { %s }\nadd element ip byhand slots { %s : %s }\n", key, key, newServer), "nft", "-f")
		},
		clear: flush,
	}
}

func slotsByHand(j job) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "table ip byhand {\n\tmap slots {\n\t\ttypeof ip daddr . %s dport . numgen inc mod 4 : ip daddr\n\t\telements = {\n", j.proto)
	for i := range j.services {
		for k, server := range j.fleet().ServersOf(i) {
			fmt.Fprintf(&b, "%s . 80 . %d : %s,\n", sample.Addr(sample.VIPs, i), k, server)
		}
	}
	fmt.Fprintf(&b, "}\n\t}\n\tchain prerouting {\n\t\ttype nat hook prerouting priority dstnat;\n\t\tdnat to ip daddr . %s dport . numgen random mod 4 map @slots\n\t}\n}\n", j.proto)
	return []byte(b.String())
}

func zonesByHand(j job) []byte {
	var b strings.Builder
	b.WriteString("table ip byhand {\n\tmap zones {\n\t\ttype ipv4_addr : interval ipv4_addr\n\t\tflags interval\n\t\telements = {\n")
	for i := range j.zones {
		fmt.Fprintf(&b, "%s/24 : %s/30,\n", sample.Addr(sample.Sources, i*256), sample.Addr(sample.Laddrs, i*4))
	}
	b.WriteString("}\n\t}\n\tchain postrouting {\n\t\ttype nat hook postrouting priority srcnat;\n\t\tsnat to ip saddr map @zones persistent\n\t}\n}\n")
	return []byte(b.String())
}

// noNAT forwards and tracks connections, which is what all others do besides.
func noNAT() contender {
	return contender{
		name: "no NAT", how: "conntrack alone: one rule that looks at `ct state` and does nothing", needs: []string{"nft"},
		services: 10000, zones: 10000, passes: true,
		load: func(ctx context.Context, s *site, j job) (cost, error) {
			return s.runFile(ctx, []byte("table ip none {\n\tchain forward {\n\t\ttype filter hook forward priority filter;\n\t\tct state invalid accept\n\t}\n}\n"), "nft", "-f")
		},
		clear: flush,
	}
}
