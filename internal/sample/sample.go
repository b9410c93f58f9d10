// Package sample makes large policies for benchmarks and tests.
package sample

import (
	"fmt"
	"net/netip"
	"strings"
)

// Services returns a policy of n round-robin NAT services on one port each, with servers real
// servers apiece.
func Services(n, servers int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: svc-%d\n    vip: %s\n    ports: tcp/80\n    mode: nat\n    real_servers: [", i, addr("20.0.1.0", i))
		for k := range servers {
			if k > 0 {
				b.WriteString(", ")
			}
			b.WriteString(addr("10.0.1.0", i*servers+k))
		}
		b.WriteString("]\n")
	}
	return []byte(b.String())
}

// Zones returns a policy of n zones, each a /24 with a pool of four addresses of its own.
func Zones(n int) []byte {
	var b strings.Builder
	b.WriteString("version: 1\nladdrs:\n")
	for i := range n {
		fmt.Fprintf(&b, "  pool-%d: %s/30\n", i, addr("198.18.0.0", i*4))
	}
	b.WriteString("zones:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {name: zone-%d, from: %s/24, laddrs: pool-%d}\n", i, addr("10.0.1.0", i*256), i)
	}
	return []byte(b.String())
}

// addr returns the n-th address behind a base address.
func addr(base string, n int) string {
	a := netip.MustParseAddr(base).As4()
	v := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	v += uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}).String()
}
