// Package route says what makes a host the end of the way to its VIPs and laddrs: local routes,
// addresses of an interface, neighbour proxies. Without them a packet to a
// port that nothing uses goes back and forth between this gateway and its router, and on a link
// nobody answers when neighbours ask for the address. And it says what leads packets by their uplinks: a
// routing table for each, and ip rules.
//
// The package is pure: it looks at a policy and at facts of a host, and returns values. Package
// route/routelink reads and writes them.
package route

import (
	"fmt"
	"hash/fnv"
	"net/netip"
)

// Protocol is the number that marks what is ours: rtm_protocol of routes, FRA_PROTOCOL of rules (Linux 4.17), IFA_PROTO of
// addresses (Linux 5.18), NDA_PROTOCOL of neighbour proxies. Numbers below 5 belong to the
// kernel and to administrators (rtnetlink(7)); nobody in iproute2's rt_protos has this one.
const Protocol = 115

// Metric returns the number that tells the routes and addresses of one policy's table from
// those of another on the same host: the routes' metric, and IFA_RT_PRIORITY of addresses. It
// is never 0 or 1024, which the kernel gives on its own (Linux net/ipv6/route.c).
func Metric(table string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(table))
	return LeastMetric + h.Sum32()%LeastMetric
}

// LeastMetric is the least that Metric gives.
const LeastMetric = 1 << 30

// Route makes a prefix this host's own, in the table local, which is asked before all others
// (`ip route add local PREFIX dev lo`). It answers neighbours that ask for an IPv4 address, pings,
// and calls to ports that nothing uses by refusing them; it lets the gateway itself call the
// address; it depends on no other route and no interface, so that it can be there before the
// network is up. A blackhole route does none of these.
type Route struct {
	Dst netip.Prefix // masked
}

// Address is an address of ours on an interface, alone in its prefix.
type Address struct {
	Addr      netip.Addr
	Interface string
}

// Neighbour is an entry of ours by which the kernel answers neighbours that ask for an IPv6
// address on an interface, as if the interface had it.
type Neighbour struct {
	Addr      netip.Addr
	Interface string
}

// Proxying is an interface on which the kernel looks at such entries: proxy_ndp is 1. It is
// switched on and never off again, as forwarding is: nothing shows who else counts on it.
type Proxying string

// Thing is a Route, an Address, a Neighbour, a Proxying, a Way, a Rule or a Loose.
type Thing interface {
	fmt.Stringer
	thing()
}

func (Route) thing()     {}
func (Address) thing()   {}
func (Neighbour) thing() {}
func (Proxying) thing()  {}

// String returns what it is as ip(8) writes it.
func (r Route) String() string { return "local route " + r.Dst.String() }

// String returns what it is as ip(8) writes it.
func (a Address) String() string {
	return fmt.Sprintf("address %s dev %s", a.Addr, a.Interface)
}

// String returns what it is as ip(8) writes it.
func (n Neighbour) String() string {
	return fmt.Sprintf("neighbour proxy %s dev %s", n.Addr, n.Interface)
}

// String returns the sysctl.
func (p Proxying) String() string { return "net.ipv6.conf." + string(p) + ".proxy_ndp=1" }

// State is what of ours a host has, or shall have. The order does not matter.
type State struct {
	Routes     []Route
	Addresses  []Address
	Neighbours []Neighbour
	Proxying   []Proxying // of those that some Neighbour needs
	Ways       []Way
	Rules      []Rule
	Loose      []Loose // that were not; no host has any
}

// Empty tells whether there is nothing of ours.
func (s State) Empty() bool {
	return len(s.Routes) == 0 && len(s.Addresses) == 0 && len(s.Neighbours) == 0 && len(s.Ways) == 0 && len(s.Rules) == 0
}
