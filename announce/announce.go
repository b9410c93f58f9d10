// Package announce says what a host tells routers by a routing protocol: which VIPs and which laddrs come to it.
// A router that hears the same VIP from several nodes spreads its connections over them; laddrs are one node's.
//
// The package is pure: it looks at a policy at its node, with its state, and returns values. Package
// announce/birdlink speaks with BIRD.
package announce

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route"
)

// Announcement is what one host tells routers.
type Announcement struct {
	Table    string     // of the policy: whose the file is
	Node     string     // empty: the policy has no nodes
	RouterID netip.Addr // zero: it is not written
	ASN      uint32     // 0: it is not written
	VIPs     []VIP      // by address, IPv4 first
	Laddrs   []netip.Prefix
}

// VIP is an address that clients call.
type VIP struct {
	Addr      netip.Addr
	Services  []string // that have it, in the policy's order
	Withdrawn string   // why routers are not told now; empty: they are
}

// Why VIPs are withdrawn.
const (
	Draining = "the node drains"
	NoQuorum = "no service of it has its quorum"
	NoServer = "no service of it has a real server on this node"
)

// Of returns what the host of a policy announces: a policy at its node, with the state of its services. One that
// drains keeps its laddrs, since answers to its connections come back to them, and withdraws its VIPs.
func Of(p *policy.Policy, draining bool) Announcement {
	a := Announcement{Table: p.Gateway.Table, Node: p.NodeName(), VIPs: vips(p, draining)}
	if n := p.Node(a.Node); n != nil {
		a.RouterID, a.ASN = n.RouterID, n.ASN
	}
	for _, r := range route.Laddrs(p) {
		a.Laddrs = append(a.Laddrs, r.Prefixes()...)
	}
	return a
}

// DrainedBy tells whether the policy itself has its node drain.
func DrainedBy(p *policy.Policy) bool {
	n := p.Node(p.NodeName())
	return n != nil && n.Drains()
}

// vips lists the VIPs of all services. What an interface has, others look after.
func vips(p *policy.Policy, draining bool) (out []VIP) {
	at, states := make(map[netip.Addr]int), p.State().Services
	for i := range p.Services {
		s := &p.Services[i]
		why := withdrawn(s, states[s.Name])
		if draining {
			why = Draining
		}
		for _, addr := range s.VIP {
			if s.VIPOf(addr) != "" {
				continue
			}
			n, ok := at[addr]
			if !ok {
				at[addr] = len(out)
				out = append(out, VIP{Addr: addr, Services: []string{s.Name}, Withdrawn: why})
				continue
			}
			v := &out[n]
			if v.Services = append(v.Services, s.Name); why == "" || v.Withdrawn != "" && why == NoQuorum {
				v.Withdrawn = why
			}
		}
	}
	slices.SortFunc(out, func(a, b VIP) int { return a.Addr.Compare(b.Addr) }) // IPv4 first
	return out
}

// withdrawn says why a service is no reason to announce its VIPs; empty: it is one. One whose sorry servers answer is below
// its quorum, too: other nodes may have real servers.
func withdrawn(s *policy.Service, state policy.ServiceState) string {
	switch {
	case state.Closed || state.Sorry:
		return NoQuorum
	case len(s.RealServers) == 0:
		return NoServer
	}
	return ""
}
