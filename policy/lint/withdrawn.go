package lint

import (
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Withdrawn is what the table in force has of a pool and the policy takes from this node, while flows use it.
type Withdrawn struct {
	Pool   string       // empty: laddrs written in line
	Laddrs []inet.Range // merged and sorted
	Flows  int          // that leave with one of these
}

// withdrawnRule is about laddrs of a node that go while somebody uses them.
func withdrawnRule() Rule {
	return Rule{
		Code: "F12", Severity: policy.Warning, Live: true, live: withdrawnInUse,
		Needs: Needs{Facts: Laddrs}, about: func(r *run) bool { return len(r.Nodes) > 0 },
		Title: "The policy takes laddrs from this node that flows still use.",
		Why: "apply ends these flows, since the answers to them will go to whoever has the laddrs then, or to nobody. If the connections " +
			"are to end by themselves, drain the node first (`snatctl node drain`): it keeps its laddrs until they have.",
	}
}

func withdrawnInUse(r *run, h Host) {
	node := r.Node(r.NodeName())
	if node == nil {
		return
	}
	for _, w := range h.Withdrawn {
		at, object := node.Pos, "node "+node.Name
		if i := slices.IndexFunc(r.Laddrs, func(p policy.Pool) bool { return p.Name == w.Pool }); i >= 0 {
			p := &r.Laddrs[i]
			at, object = p.Pos, "pool "+p.Name
			if s := p.Slice(node.Name); s != nil {
				at = s.Pos
			}
		}
		var laddrs []string
		for _, l := range w.Laddrs {
			laddrs = append(laddrs, l.String())
		}
		r.find(at, object, "drain the node first: snatctl node drain "+node.Name,
			"node %s is to lose %s, which %d of its flows use", node.Name, strings.Join(laddrs, ", "), w.Flows)
	}
}
