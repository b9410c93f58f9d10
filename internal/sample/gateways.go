package sample

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// Gateways describes a policy of many nodes: two zones, and services in mode fullnat. Every node has laddrs of its
// own in each pool, as `snatctl fleet split` cuts them. The zero value has no nodes.
type Gateways struct {
	Services int
	Mark     string // a comment at the top: policies that differ in it mean the same

	nodes []string
	have  map[string][]policy.Slice
}

// gatewayPieces is how many pieces each pool is cut into, whether there are 129 nodes or 256.
const gatewayPieces = 256

// The pools, and what is cut for the nodes.
var gatewayPools = []struct{ name, prefix string }{{"office", "198.18.0.0/19"}, {"office6", "2001:db8:99::/112"}, {"mail", "198.18.32.0/24"}, {"web", "10.200.0.0/20"}}

// Among returns the policy for other nodes. Who has laddrs already keeps them.
func (g Gateways) Among(nodes ...string) (Gateways, error) {
	had := g.have
	g.nodes, g.have = nodes, map[string][]policy.Slice{}
	for _, pool := range gatewayPools {
		have := slices.DeleteFunc(slices.Clone(had[pool.name]), func(s policy.Slice) bool { return !slices.Contains(nodes, s.Node) })
		shares, _, err := policy.Split(netip.MustParsePrefix(pool.prefix), have, nodes, gatewayPieces-len(nodes))
		if err != nil {
			return g, err
		}
		for _, s := range shares {
			slice := policy.Slice{Node: s.Node}
			for _, r := range s.Ranges {
				slice.Laddrs = append(slice.Laddrs, policy.Laddr{Range: r, Weight: 1})
			}
			g.have[pool.name] = append(g.have[pool.name], slice)
		}
	}
	return g, nil
}

// Nodes lists the names.
func (g Gateways) Nodes() []string { return g.nodes }

// Slices is what the nodes have of all pools.
func (g Gateways) Slices() (all []policy.Slice) {
	for _, pool := range gatewayPools {
		all = append(all, g.have[pool.name]...)
	}
	return all
}

// Policy returns the policy.
func (g Gateways) Policy() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\nversion: 1\nnodes:\n", g.Mark)
	for i, n := range g.nodes {
		fmt.Fprintf(&b, "  %s: {router_id: %s, asn: 65010}\n", n, Addr("172.31.0.1", i))
	}
	b.WriteString("gateway: {uplinks: core0}\nladdrs:\n")
	for _, pool := range gatewayPools {
		fmt.Fprintf(&b, "  %s:\n    nodes:\n", pool.name)
		for _, s := range g.have[pool.name] {
			for _, l := range s.Laddrs {
				fmt.Fprintf(&b, "      %s: %q\n", s.Node, l.Range)
			}
		}
	}
	b.WriteString("zones:\n  - {name: mail, from: 10.1.9.0/24, laddrs: mail}\n  - {name: office, from: 10.1.0.0/16, laddrs: office}\n" +
		"  - {name: office6, from: \"fd01::/64\", laddrs: office6}\n" +
		"health_checks: {web: {type: tcp}}\nservices:\n")
	for i := range g.Services {
		fmt.Fprintf(&b, "  - {name: svc-%d, vip: %s, ports: tcp/80, mode: fullnat, laddrs: web, scheduler: mh, health_check: web, real_servers: [%s]}\n",
			i, Addr(VIPs, i), strings.Join(Fleet{Servers: 4}.ServersOf(i), ", "))
	}
	return []byte(b.String())
}
