package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

const fleetPolicy = `version: 1
nodes: {gw1: {}, gw2: {}, gw3: {}}
gateway: {uplinks: wan0}
laddrs:
  office: {nodes: {gw1: [198.51.100.16/28, 198.51.100.64], gw2: 198.51.100.32/28, gw3: none}}
  web: {nodes: {gw1: 192.168.1.240, gw2: 192.168.1.241, gw3: none}}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office}
  - {name: guests, from: 10.2.0.0/16, action: masquerade}
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, mode: fullnat, laddrs: web, scheduler: mh, real_servers: [192.168.1.1]}
`

// TestAt holds what one node carries out of a policy of several.
func TestAt(t *testing.T) {
	all := parsed(t, fleetPolicy)
	if !all.Everywhere() {
		t.Error("the policy of all nodes does not say so")
	}
	outside := func(p *policy.Policy, from, to string) string {
		d := p.Decide(policy.Packet{From: netip.MustParseAddrPort(from), To: netip.MustParseAddrPort(to), Proto: inet.TCP, OIf: "wan0"})
		return fmt.Sprint(d.Verdict, " ", d.SNAT)
	}
	got := map[string][]string{}
	for _, node := range []string{"gw1", "gw2", "gw3"} {
		p, d := all.At(node)
		if d != nil {
			t.Fatal(d)
		}
		if again, _ := p.At(node); again != p || p.Everywhere() || p.NodeName() != node {
			t.Errorf("at %s: the policy is not at its node", node)
		}
		got[node] = []string{outside(p, "10.1.0.9:1000", "8.8.8.8:443"), outside(p, "10.2.0.9:1000", "8.8.8.8:443"), outside(p, "20.0.0.1:1000", "203.0.113.10:80")}
	}
	want := map[string][]string{
		"gw1": {"accept [198.51.100.16/28 198.51.100.64]", "accept []", "accept [192.168.1.240]"},
		"gw2": {"accept [198.51.100.32/28]", "accept []", "accept [192.168.1.241]"},
		"gw3": {"reject []", "accept []", "reject []"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what nodes do (-want +got):\n%s", diff)
	}
	for _, node := range []string{"", "gw4"} {
		if p, d := all.At(node); p != nil || d == nil || d.Code != policy.NoNode || !strings.Contains(d.Msg, "gw1, gw2, gw3") {
			t.Errorf("at %q: %v, %v", node, p, d)
		}
	}
	one := parsed(t, "version: 1\nladdrs: {office: 198.51.100.1}\n")
	if p, d := one.At("gw4"); p != one || d != nil {
		t.Errorf("a policy without nodes is another one at a node: %v", d)
	}
}

// TestSplit cuts prefixes for nodes that come and go: pieces never overlap, and no node ever loses or
// changes what it has.
func TestSplit(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(r.IntN(4)), 0}), 20+r.IntN(5)).Masked()
		if seed%3 == 0 {
			prefix = netip.MustParsePrefix("2001:db8::/56")
		}
		var have []policy.Slice
		var nodes []string
		spare := r.IntN(4)
		for step := range 12 {
			if len(nodes) > 1 && r.IntN(3) == 0 {
				i := r.IntN(len(nodes))
				gone := nodes[i]
				nodes = slices.Delete(nodes, i, i+1)
				have = slices.DeleteFunc(have, func(s policy.Slice) bool { return s.Node == gone })
			} else {
				nodes = append(nodes, fmt.Sprintf("gw%d", step))
			}
			shares, left, err := policy.Split(prefix, have, nodes, spare)
			if err != nil {
				break // pieces got too small, or none of that size is left
			}
			var all []inet.Range
			for _, s := range have {
				i := slices.IndexFunc(shares, func(n policy.Share) bool { return n.Node == s.Node })
				if i < 0 || !shares[i].Kept || len(shares[i].Ranges) != 1 || shares[i].Ranges[0] != s.Laddrs[0].Range {
					t.Fatalf("seed %d: node %s had %v and has %v", seed, s.Node, s.Laddrs[0].Range, shares)
				}
			}
			have = nil
			for _, s := range shares {
				all = append(all, s.Ranges...)
				have = append(have, policy.Slice{Node: s.Node, Laddrs: []policy.Laddr{{Range: s.Ranges[0], Weight: 1}}})
			}
			all = append(all, left...)
			if len(shares) != len(nodes) {
				t.Fatalf("seed %d: %d nodes have %d shares", seed, len(nodes), len(shares))
			}
			slices.SortFunc(all, inet.Range.Compare)
			for i := 1; i < len(all); i++ {
				if all[i-1].Overlaps(all[i]) {
					t.Fatalf("seed %d: %v and %v overlap", seed, all[i-1], all[i])
				}
			}
			if !inet.PrefixRange(prefix).Covers(all[0]) || !inet.PrefixRange(prefix).Covers(all[len(all)-1]) {
				t.Fatalf("seed %d: %v is not all of %v", seed, all, prefix)
			}
		}
	}
	for _, bad := range []struct {
		prefix string
		nodes  []string
		spare  int
	}{{"198.51.100.0/31", []string{"a", "b"}, 1}, {"198.51.100.0/24", nil, 1}, {"198.51.100.0/24", []string{"a"}, -1}, {"10.0.0.0/8", []string{"a"}, 5000}} {
		if _, _, err := policy.Split(netip.MustParsePrefix(bad.prefix), nil, bad.nodes, bad.spare); err == nil {
			t.Errorf("%v is split", bad)
		}
	}
}
