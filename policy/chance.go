package policy

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// The second chance. The VIPs of a node that drains are withdrawn, so packets of its connections come to the
// other nodes of an active-active fleet. What belongs to no connection of theirs they send on to that node,
// until its connections have ended; and still when it is back, since routers keep connections where they are.

// ChanceMark is what packets that get a second chance have in place of the bits UplinkBits of their mark. No
// uplink has its number: theirs end at MaxUplinks. No flow has it.
const ChanceMark = 0xe5000000

// Drains tells whether the node takes no new connections.
func (n *Node) Drains() bool { return n.State == NodeDrain || n.State == NodeOut }

// Address returns where other nodes reach the node over a family; zero: they do not.
func (n *Node) Address(f inet.Family) netip.Addr {
	for _, a := range n.Addresses {
		if inet.FamilyOf(a) == f {
			return a
		}
	}
	if f == inet.V4 && len(n.Addresses) == 0 {
		return n.RouterID
	}
	return netip.Addr{}
}

// SecondChance returns the node to which the policy's own node sends packets to VIPs that belong to no
// connection here; nil: it sends them to nobody. If there are several such nodes, each sends on to the next, and
// the last one to nobody, so that no packet goes round in circles. Those that return come first: routers send
// packets to these, and to none that drains.
func (p *Policy) SecondChance() *Node {
	if p.node == "" || p.Fleet.Mode == ActiveBackup {
		return nil
	}
	var turn []*Node
	for _, state := range []NodeState{NodeReturn, NodeDrain} {
		for i := range p.Nodes {
			if p.Nodes[i].State == state {
				turn = append(turn, &p.Nodes[i])
			}
		}
	}
	own := slices.IndexFunc(turn, func(n *Node) bool { return n.Name == p.node })
	if turn = turn[own+1:]; len(turn) == 0 {
		return nil
	}
	return turn[0]
}

// ChanceVIPs returns the VIPs of a family whose packets get a second chance, each once, in the order of the
// services. Those that an interface has are addresses of this node alone.
func (p *Policy) ChanceVIPs(f inet.Family) (out []netip.Addr) {
	to := p.SecondChance()
	if to == nil || !to.Address(f).IsValid() {
		return nil
	}
	seen := make(map[netip.Addr]bool)
	for i := range p.Services {
		s := &p.Services[i]
		for _, vip := range s.VIP {
			if inet.FamilyOf(vip) == f && !seen[vip] && s.VIPOf(vip) == "" {
				seen[vip] = true
				out = append(out, vip)
			}
		}
	}
	return out
}

// GivesChance tells whether packets of some family get a second chance.
func (p *Policy) GivesChance() bool {
	return slices.ContainsFunc(inet.Families[:], func(f inet.Family) bool { return len(p.ChanceVIPs(f)) > 0 })
}

// ChanceTable returns the routing table that leads to a node that drains: the last one that no uplink has.
// 0: they have all.
func (g *Gateway) ChanceTable() int {
	taken := make(map[int]bool)
	for _, number := range g.Numbers() {
		taken[g.TableOf(number)] = true
	}
	for t := g.RoutingTables.Last; t >= g.RoutingTables.First; t-- {
		if !taken[t] {
			return t
		}
	}
	return 0
}

// secondChance sends on what belongs to no connection here.
func (d *decider) secondChance() bool {
	if !slices.Contains(d.policy.ChanceVIPs(d.family), d.pkt.To.Addr()) {
		return false
	}
	if s, _, _ := d.claimant(); s != nil && s.SynProxy.On {
		return false // it may return the proxy's cookie
	}
	to := d.policy.SecondChance()
	d.Chance = to.Name
	return d.accept("the packet belongs to no connection here, and it may belong to one of node %s (state: %s), so it is sent on to %s", to.Name, to.State, to.Address(d.family))
}
