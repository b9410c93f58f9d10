package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/snatctl/snatctl/internal/sample"
)

// kubeProxy is a ruleset in the shape of kube-proxy's nftables mode: a map of services, a chain
// for each service with an anonymous map of endpoints, a chain for each endpoint, and the
// rules that each packet passes besides. Not kube-proxy itself, which needs a cluster.
func kubeProxy() contender {
	return contender{
		name: "kube-proxy's shape", how: "a chain per service and one per endpoint, as kube-proxy's nftables mode makes them, by `nft -f`; a change flushes one service's chain and makes one of an endpoint", needs: []string{"nft"},
		services: 5000,
		load: func(ctx context.Context, s *site, j job) (cost, error) {
			return s.runFile(ctx, chainsOf(j), "nft", "-f")
		},
		change: func(ctx context.Context, s *site, j job) (cost, error) {
			var b strings.Builder
			endpoint(&b, j.proto, "endpoint-new", newServer)
			b.WriteString("flush chain ip kube-proxy service-0\n")
			service(&b, j, 0, "endpoint-new")
			b.WriteString("flush chain ip kube-proxy endpoint-0-0\ndelete chain ip kube-proxy endpoint-0-0\n")
			return s.runFile(ctx, []byte(b.String()), "nft", "-f")
		},
		clear: flush,
	}
}

// frame is what kube-proxy has beside services and endpoints.
const frame = `table ip kube-proxy {
	map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
	map no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }
	map service-nodeports { type inet_proto . inet_service : verdict; }
	map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
	set cluster-ips { type ipv4_addr; }
	set nodeport-ips { type ipv4_addr; }
	chain mark-for-masquerade { meta mark set meta mark or 0x4000; }
	chain services {
		ip daddr . meta l4proto . th dport vmap @service-ips
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}
	chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
	chain cluster-ips-check { ip daddr @cluster-ips reject; }
	chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
	chain masquerading {
		meta mark and 0x4000 == 0 return
		meta mark set meta mark xor 0x4000
		masquerade fully-random
	}
	chain filter-prerouting-pre-dnat { type filter hook prerouting priority -110; ct state new jump firewall-check; }
	chain filter-forward {
		type filter hook forward priority filter
		ct state new jump service-endpoints-check
		ct state new jump cluster-ips-check
	}
	chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
	chain nat-postrouting { type nat hook postrouting priority srcnat; jump masquerading; }
}
`

func chainsOf(j job) []byte {
	var b strings.Builder
	b.WriteString(frame)
	for i := range j.services {
		for k, server := range j.fleet().ServersOf(i) {
			endpoint(&b, j.proto, fmt.Sprintf("endpoint-%d-%d", i, k), server)
		}
		fmt.Fprintf(&b, "add chain ip kube-proxy service-%d\n", i)
		service(&b, j, i, fmt.Sprintf("endpoint-%d-0", i))
		vip := sample.Addr(sample.VIPs, i)
		fmt.Fprintf(&b, "add element ip kube-proxy cluster-ips { %s }\n", vip)
		fmt.Fprintf(&b, "add element ip kube-proxy service-ips { %s . %s . 80 : goto service-%d }\n", vip, j.proto, i)
	}
	return []byte(b.String())
}

// endpoint writes a chain that sends to one real server.
func endpoint(b *strings.Builder, proto, name, server string) {
	fmt.Fprintf(b, "add chain ip kube-proxy %s\n", name)
	fmt.Fprintf(b, "add rule ip kube-proxy %s ip saddr %s jump mark-for-masquerade\n", name, server)
	fmt.Fprintf(b, "add rule ip kube-proxy %s meta l4proto %s dnat to %s:80\n", name, proto, server)
}

// service writes the rules of a service's chain.
func service(b *strings.Builder, j job, i int, first string) {
	fmt.Fprintf(b, "add rule ip kube-proxy service-%d ip daddr %s %s dport 80 ip saddr 10.244.0.0/16 jump mark-for-masquerade\n", i, sample.Addr(sample.VIPs, i), j.proto)
	fmt.Fprintf(b, "add rule ip kube-proxy service-%d numgen random mod 4 vmap { 0 : goto %s, 1 : goto endpoint-%d-1, 2 : goto endpoint-%d-2, 3 : goto endpoint-%d-3 }\n", i, first, i, i, i)
}
