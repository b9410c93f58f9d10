package integration

import (
	"fmt"
	"net/netip"
	"testing"
)

// Selections that are not by source: each connection of one source chooses anew.
func TestPoolSelectionByConnection(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  apart: [198.51.100.1, 198.51.100.3, 198.51.100.9, "2001:db8:99::1", "2001:db8:99::3", "2001:db8:99::9"]
  range: [198.51.100.17-198.51.100.19, "2001:db8:99::17-2001:db8:99::19"]
zones:
  - {name: flow, from: [10.1.200.1, "fd01::8000:0:0:1"], laddrs: apart, select: flow}
  - {name: flow-range, from: 10.1.200.2, laddrs: range, select: flow}
  - {name: turns, from: [10.1.200.3, "fd01::8000:0:0:3"], laddrs: apart, select: round-robin}
  - {name: turns-range, from: 10.1.200.4, laddrs: range, select: round-robin}
  - {name: random, from: [10.1.200.5, "fd01::8000:0:0:5"], laddrs: apart, select: random}
  - {name: random-range, from: 10.1.200.6, laddrs: range, select: random}
services:
  - {name: turns, vip: 203.0.113.1, ports: udp/80, mode: fullnat, laddrs: apart, select: round-robin, real_servers: 192.168.1.1}
  - {name: flow, vip: 203.0.113.2, ports: udp/80, mode: fullnat, laddrs: apart, select: flow, real_servers: 192.168.1.1}
`)
	apart4 := []string{"198.51.100.1", "198.51.100.3", "198.51.100.9"}
	apart6 := []string{"2001:db8:99::1", "2001:db8:99::3", "2001:db8:99::9"}
	range4 := []string{"198.51.100.17", "198.51.100.18", "198.51.100.19"}
	for _, c := range []struct {
		name, src, dst string
		pool           []string
		inTurn         bool
	}{
		{"flow", "10.1.200.1", "udp 8.8.8.8:53", apart4, false},
		{"flow, IPv6", "fd01::8000:0:0:1", "udp [2001:db8:8::8]:53", apart6, false},
		{"flow in a range", "10.1.200.2", "udp 8.8.8.8:53", range4, false},
		{"round-robin", "10.1.200.3", "udp 8.8.8.8:53", apart4, true},
		{"round-robin, IPv6", "fd01::8000:0:0:3", "udp [2001:db8:8::8]:53", apart6, true},
		{"round-robin in a range", "10.1.200.4", "udp 8.8.8.8:53", range4, true},
		{"random", "10.1.200.5", "udp 8.8.8.8:53", apart4, false},
		{"random, IPv6", "fd01::8000:0:0:5", "udp [2001:db8:8::8]:53", apart6, false},
		{"random in a range", "10.1.200.6", "udp 8.8.8.8:53", range4, false},
		{"fullnat round-robin", "10.1.200.7", "udp 203.0.113.1:80", apart4, true},
		{"fullnat flow", "10.1.200.7", "udp 203.0.113.2:80", apart4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var laddrs []string
			for i := range 150 {
				// Ports of their own: one that is used again may belong to a flow that lives.
				src := netip.AddrPortFrom(netip.MustParseAddr(c.src), uint16(22000+i)).String()
				laddrs = append(laddrs, sees(t, s.Office, src, c.dst))
			}
			wantEven(t, count(laddrs), c.pool, 150)
			if c.inTurn {
				turns(t, c.name, 3, laddrs)
			}
		})
	}
	t.Run("a flow stays", func(t *testing.T) {
		// By 5-tuple: the same port finds the same laddr when conntrack has forgotten it.
		for _, port := range []int{21001, 21002, 21003, 21004} {
			src := fmt.Sprintf("10.1.200.1:%d", port)
			first := sees(t, s.Office, src, "udp 8.8.8.8:53")
			must(t, s.Gateway.FlushFlows(t.Context()))
			if again := sees(t, s.Office, src, "udp 8.8.8.8:53"); again != first {
				t.Errorf("%s leaves as %s, then as %s", src, first, again)
			}
		}
	})
}

// Weights of laddrs share the sources, and a source keeps its laddr.
func TestPoolWeights(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  weighted: [{address: 198.51.100.10, weight: 1}, {address: 198.51.100.11, weight: 3}, "2001:db8:99::10", {address: "2001:db8:99::20", weight: 4}]
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: weighted}
`)
	for _, c := range []struct {
		source, dst string
		shares      map[string]float64
	}{
		{"10.1.200.%d", "udp 8.8.8.8:53", map[string]float64{"198.51.100.10": 0.25, "198.51.100.11": 0.75}},
		{"fd01::8000:0:0:%x", "udp [2001:db8:8::8]:53", map[string]float64{"2001:db8:99::10": 0.2, "2001:db8:99::20": 0.8}},
	} {
		seen := map[string]int{}
		for i := range 250 {
			src := fmt.Sprintf(c.source, i)
			first := sees(t, s.Office, src, c.dst)
			seen[first]++
			if i%10 == 0 {
				if again := sees(t, s.Office, src, c.dst); again != first {
					t.Errorf("%s leaves as %s, then as %s", src, first, again)
				}
			}
		}
		wantShares(t, seen, c.shares, 250)
	}
}
