// Package sample makes large policies for benchmarks and tests. Its sources, real servers
// and laddrs lie in 100.64.0.0/10, 172.16.0.0/12 and 198.19.0.0/16, clear of the networks of
// package nstest, so that packets can be sent through what it makes.
package sample

import (
	"fmt"
	"net/netip"
	"strings"
)

// Bases of the addresses that policies count up from.
const (
	VIPs    = "20.0.1.0"
	Servers = "172.16.0.0"
	Sources = "100.64.0.0"
	Laddrs  = "198.19.0.0"
)

// Fleet describes a policy of many round-robin NAT services on one port each.
type Fleet struct {
	Services int
	Servers  int      // real servers of each service
	Port     string   // tcp/80 unless given
	First    []string // real servers of the first service, instead of its own
	Checked  int      // services whose real servers are checked every second by a TCP connect, and are down after one failure
}

// Services returns a policy of n services with that many real servers apiece.
func Services(n, servers int) []byte { return Fleet{Services: n, Servers: servers}.Policy() }

// Policy returns the policy.
func (f Fleet) Policy() []byte {
	if f.Port == "" {
		f.Port = "tcp/80"
	}
	var b strings.Builder
	b.WriteString("version: 1\n")
	if f.Checked > 0 {
		b.WriteString("health_checks:\n  second: {type: tcp, interval: 1s, timeout: 900ms, rise: 1, fall: 1}\n")
	}
	b.WriteString("services:\n")
	for i := range f.Services {
		servers := f.First
		if i > 0 || servers == nil {
			servers = f.ServersOf(i)
		}
		fmt.Fprintf(&b, "  - name: svc-%d\n    vip: %s\n    ports: %s\n    mode: nat\n    real_servers: [%s]\n",
			i, Addr(VIPs, i), f.Port, strings.Join(servers, ", "))
		if i < f.Checked {
			b.WriteString("    health_check: second\n")
		}
	}
	return []byte(b.String())
}

// ServersOf returns the real servers of the i-th service.
func (f Fleet) ServersOf(i int) []string {
	var out []string
	for k := range f.Servers {
		out = append(out, Addr(Servers, i*f.Servers+k))
	}
	return out
}

// Zones returns a policy of n zones, each a /24 with a pool of four addresses of its own.
func Zones(n int) []byte { return ZonesWithConditions(n, 0) }

// ZonesWithConditions is Zones with some zones in front that hold sources of their own and
// look at destination and port too.
func ZonesWithConditions(n, conditional int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nladdrs:\n")
	for i := range n {
		fmt.Fprintf(&b, "  pool-%d: %s/30\n", i, Addr(Laddrs, i*4))
	}
	b.WriteString("zones:\n")
	for i := range conditional {
		fmt.Fprintf(&b, "  - {name: mail-%d, from: %s/24, to: 8.0.0.0/8, ports: tcp/25, laddrs: pool-0}\n", i, Addr("192.168.0.0", i*256))
	}
	for i := range n {
		fmt.Fprintf(&b, "  - {name: zone-%d, from: %s/24, laddrs: pool-%d}\n", i, Addr(Sources, i*256), i)
	}
	return []byte(b.String())
}

// Addr returns the n-th address behind a base address.
func Addr(base string, n int) string {
	a := netip.MustParseAddr(base).As4()
	v := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	v += uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}).String()
}
