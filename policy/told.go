package policy

import (
	"maps"
	"strings"
)

// Tell notes states of nodes that somebody gave them beside the policy, by `snatctl node drain`. They hold in the
// policy that Resolve makes by Facts that have them. Nodes that the policy does not have are left out there.
func (p *Policy) Tell(states map[string]NodeState) { p.told = maps.Clone(states) }

// Told returns what Tell noted. It must not be changed.
func (p *Policy) Told() map[string]NodeState { return p.told }

// withNodes returns the policy with other states of nodes; itself where they change nothing.
func (p *Policy) withNodes(states map[string]NodeState) *Policy {
	out, changed := *p, false
	for i := range p.Nodes {
		s, ok := states[p.Nodes[i].Name]
		if !ok || s == p.Nodes[i].State {
			continue
		}
		if !changed {
			out.Nodes, changed = append([]Node(nil), p.Nodes...), true
		}
		out.Nodes[i].State = s
	}
	if !changed {
		return p
	}
	if p.written != nil {
		out.written = p.written.withNodes(states)
	}
	return &out
}

// CannotDrainError says why a node cannot be drained.
type CannotDrainError struct{ Node, Why string }

// Error says it.
func (e *CannotDrainError) Error() string { return "node " + e.Node + " " + e.Why }

// CanDrain tells whether a node can be drained by its second chance: others must be there that take new connections,
// and know where to send its packets. The error is a CannotDrainError.
func (p *Policy) CanDrain(node string) error {
	n, others := p.Node(node), 0
	for i := range p.Nodes {
		if o := &p.Nodes[i]; o.Name != node && !o.Drains() {
			others++
		}
	}
	why := ""
	switch {
	case len(p.Nodes) == 0:
		why = "is none: the policy has no nodes"
	case n == nil:
		why = "is none of the policy's: it has " + strings.Join(p.NodeNames()[:min(10, len(p.Nodes))], ", ")
	case p.Fleet.Mode == ActiveBackup:
		why = "is one of a pair (fleet.mode: active-backup): stop keepalived there, and the other takes over"
	case len(n.Addresses) == 0 && !n.RouterID.IsValid():
		why = "has neither address nor router_id, so the others cannot send it the packets of its connections: write nodes." + node + ".address"
	case others == 0:
		why = "is the last one that takes new connections"
	default:
		return nil
	}
	return &CannotDrainError{node, why}
}

// AsTold returns the policy with the states that Tell noted.
func (p *Policy) AsTold() *Policy { return p.withNodes(p.told) }
