package lint

import (
	"net/netip"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Host is what a machine says about itself, at one moment and in one network namespace. A
// nil slice or map means that nothing is known, and its rules stay silent; an empty one means
// that there is nothing.
type Host struct {
	Interfaces []Interface
	Routes     []Route
	Neighbours []netip.Addr // other machines on its links that the kernel knows (ip-neighbour(8))
	// Sysctls holds values by their path below /proc/sys, such as "net/ipv4/ip_forward" or
	// "net/ipv4/conf/eth0.100/rp_filter" (names of interfaces have dots), without white space at
	// the ends. What the kernel does not have is absent.
	Sysctls   map[string]string
	Listeners []Listener
	Chains    []BaseChain
	Units     []Unit
	// FirewalldFlushes tells that firewalld flushes on reload: FlushAllOnReload in firewalld.conf.
	FirewalldFlushes bool
	Clashes          []Clash     // with policies that have other tables
	Withdrawn        []Withdrawn // laddrs that flows use, and that the policy takes from this node
	Conntrack        Conntrack
	Files            map[string]File // of those that CheckFiles names
	Names            map[string]bool // whether a name of CheckNames resolves to something
	Kernel           string          // release, as in `uname -r`; empty: not known
	Missing          []Missing       // what the kernel was asked for and does not have
}

// Interface is a network interface.
type Interface struct {
	Name  string
	Up    bool
	MTU   int            // of packets that it takes, in bytes; 0: not known
	Addrs []netip.Prefix // with the length of their network: 192.0.2.1/24
	// Global are those of them that a service whose VIP is the interface has: of global scope, not temporary.
	Global []netip.Addr
}

// facts returns what a policy asks of the host.
func (h *Host) facts() policy.Facts {
	f := policy.Facts{Addrs: make(map[string][]netip.Addr), Whole: h.Interfaces != nil}
	for _, i := range h.Interfaces {
		f.Addrs[i.Name] = i.Global
	}
	return f
}

// Route is a route that packets may take, of any table.
type Route struct {
	Dst       netip.Prefix // masked; 0.0.0.0/0 or ::/0 for a default route
	Interface string       // empty for one that leads nowhere (blackhole, unreachable)
	Gateway   netip.Addr   // zero: directly on the link
	Table     int          // number; 254 is main, 255 local (rtnetlink(7))
	Local     bool         // of type local: the addresses are this machine's
	MTU       int          // that the route has of its own, in bytes; 0: none
}

// Listener is a local socket that takes connections or datagrams.
type Listener struct {
	Proto   inet.Proto
	Addr    netip.Addr // unspecified: any address of its family, or of both for :: with IPV6_V6ONLY off
	Port    uint16
	Process string // empty: not known
}

// BaseChain is a chain of another nftables table, or one of iptables, that a hook calls.
type BaseChain struct {
	Family   string // "ip", "ip6" or "inet"
	Table    string
	Name     string
	Type     string // "nat", "filter" or "route"
	Hook     string // "prerouting", "postrouting", ...
	Priority int    // lower comes first
	Empty    bool   // it has no rules, so it changes nothing
	Drops    bool   // it filters at forward, and refuses new connections by policy or by a rule that looks at nothing
	Passes   int    // rules before that which may let some pass
	Legacy   bool   // of iptables' own tables, which nft does not show
}

// Unit is a systemd unit that exists.
type Unit struct {
	Name            string // "nftables.service"
	Enabled, Active bool
}

// Conntrack is the state of the flow table. Max 0: not known.
type Conntrack struct {
	Count, Max, Buckets int
}

// Missing is a feature of nftables that a kernel lacks.
type Missing struct {
	What  string // "numgen", "flowtable", ...
	Since string // the kernel version that has it
}
