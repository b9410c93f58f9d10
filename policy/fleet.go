package policy

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Node is one of the machines that carry a policy out together.
type Node struct {
	Where
	Name      string
	RouterID  netip.Addr   // IPv4, of BGP (RFC 4271, 4.2); zero where it is not written
	ASN       uint32       // of BGP (RFC 6793); 0 where it is not written
	Addresses []netip.Addr // where the other nodes reach it, one a family at most; none: at RouterID
	State     NodeState
}

// NodeState says whether a node takes new connections.
type NodeState string

// The states of nodes.
const (
	NodeActive NodeState = "active" // default
	NodeDrain  NodeState = "drain"  // keeps its connections, and gets no new ones
	NodeOut    NodeState = "out"    // as NodeDrain, and the others send it nothing
	NodeReturn NodeState = "return" // as NodeActive, and the others still send it the connections that it kept
)

// Fleet is how the nodes share the work. The zero value is active-active.
type Fleet struct {
	Where
	Mode FleetMode
}

// FleetMode is a value of fleet.mode.
type FleetMode string

// The modes.
const (
	ActiveActive FleetMode = "active-active" // default: every node has laddrs of its own
	ActiveBackup FleetMode = "active-backup" // one works, with all laddrs; another takes them over
)

// Slice is what one node has of a pool.
type Slice struct {
	Pos    Pos
	Node   string
	Laddrs []Laddr
	None   bool // written `none`: the node has no laddrs of the pool, and translates nothing by it
}

// At returns what one node carries out: its pools have that node's slices alone. A zone whose pool
// has none on that node rejects, and a service in mode fullnat has no real servers there, since
// their connections must not leave with another source. A zone with laddrs per uplink that has none for
// some of these drops what leaves by them. A policy without nodes is the same
// everywhere: At returns it as it is. So it does for the node that the policy is at already.
func (p *Policy) At(node string) (*Policy, *Diagnostic) {
	if len(p.Nodes) == 0 || p.node == node && node != "" {
		return p, nil
	}
	if p.Node(node) == nil {
		return nil, p.noSuchNode(node)
	}
	out := *p
	out.node = node
	if p.written != nil {
		out.written, _ = p.written.At(node)
	}
	out.Laddrs = slices.Clone(p.Laddrs)
	now := make(map[*Pool]*Pool, len(p.Laddrs))
	for i := range out.Laddrs {
		out.Laddrs[i].cut(node)
		now[&p.Laddrs[i]] = &out.Laddrs[i]
	}
	out.Zones = slices.Clone(p.Zones)
	for i := range out.Zones {
		out.Zones[i].at(node, now)
	}
	out.Services = slices.Clone(p.Services)
	for i := range out.Services {
		s := &out.Services[i]
		if pool := now[s.Laddrs]; pool != nil {
			if s.Laddrs = pool; pool.None(node) {
				s.RealServers, s.SorryServers, s.HealthCheck = nil, nil, nil
			}
		}
	}
	return &out, nil
}

// at gives a zone the pools of a node. Through an uplink whose pool has nothing on that node it
// has no laddrs.
func (z *Zone) at(node string, now map[*Pool]*Pool) {
	had := len(z.Pools()) > 0
	here := func(p *Pool) *Pool {
		if cut := now[p]; cut != nil {
			p = cut
		}
		if p != nil && p.None(node) {
			return nil
		}
		return p
	}
	z.Laddrs = here(z.Laddrs)
	z.UplinkLaddrs = slices.Clone(z.UplinkLaddrs)
	for i := range z.UplinkLaddrs {
		z.UplinkLaddrs[i].Laddrs = here(z.UplinkLaddrs[i].Laddrs)
	}
	if had && len(z.Pools()) == 0 {
		z.Action, z.UplinkLaddrs = Reject, nil
	}
}

// NodeName returns the node that the policy is at; empty for a policy of all nodes, or without nodes.
func (p *Policy) NodeName() string { return p.node }

// Node returns the node of a name; nil where there is none.
func (p *Policy) Node(name string) *Node {
	i := slices.IndexFunc(p.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Nodes[i]
}

// NodeNames returns the names of all nodes, in the order written.
func (p *Policy) NodeNames() []string {
	names := make([]string, len(p.Nodes))
	for i := range p.Nodes {
		names[i] = p.Nodes[i].Name
	}
	return names
}

// Everywhere tells whether the policy is that of all its nodes, so that nobody can carry it out
// before At chose one.
func (p *Policy) Everywhere() bool { return len(p.Nodes) > 0 && p.node == "" }

// noSuchNode is the error of a node that the policy does not have.
func (p *Policy) noSuchNode(node string) *Diagnostic {
	names := p.NodeNames()
	const most = 10
	more := ""
	if len(names) > most {
		names, more = names[:most], " and others"
	}
	d := Diagnostic{Pos: p.Nodes[0].Pos, Severity: Error, Code: NoNode,
		Msg:  "the policy is for several nodes (" + strings.Join(names, ", ") + more + "), and nobody told which of them this is",
		Hint: "name it with --node NAME, or in /etc/snatctl/node"}
	if node != "" {
		d.Msg = "this is node " + node + ", which the policy does not have; it has " + strings.Join(names, ", ") + more
	}
	return &d
}

// cut leaves a pool the laddrs of one node. A pool that all nodes share stays whole.
func (p *Pool) cut(node string) {
	if s := p.Slice(node); s != nil {
		p.Laddrs = s.Laddrs
	}
}

// Slice returns what a node has of the pool; nil where the pool is not divided, or names no such node.
func (p *Pool) Slice(node string) *Slice {
	i := slices.IndexFunc(p.Slices, func(s Slice) bool { return s.Node == node })
	if i < 0 {
		return nil
	}
	return &p.Slices[i]
}

// None tells whether a node has no laddrs of a pool that is divided.
func (p *Pool) None(node string) bool {
	s := p.Slice(node)
	return s != nil && s.None
}

// Capacity returns how many connections to one destination the slices of all nodes bear, and how
// many are left without the node that bears most: laddrs times ports, of one family.
func (p *Pool) Capacity(f inet.Family) (all, without uint64) {
	var most uint64
	for i := range p.Slices {
		one := uint64(0)
		for _, r := range (&Pool{Laddrs: p.Slices[i].Laddrs}).Ranges(f) {
			one += min(r.Count(), manyLaddrs) * uint64(p.blockPorts().Len())
		}
		all, most = all+one, max(most, one)
	}
	return all, all - most
}

// manyLaddrs is more than a node has connections for; it keeps sums of IPv6 prefixes from overflowing.
const manyLaddrs = 1 << 32
