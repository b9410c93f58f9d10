package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// Canary is a policy that some nodes have before the others.
type Canary struct {
	Nodes  []string
	Before map[string]Report // what the nodes reported before
	Policy *Pointer
}

// Verdict is what the reports of a moment say of a canary.
type Verdict struct {
	Failed  string   // why it has failed; empty: it has not
	Waiting []string // nodes that have not applied it yet, with what they do
}

// Judge looks at the reports of all nodes. A node that is missing may come back, as long as there is time.
func (c *Canary) Judge(reports map[string]Report) (v Verdict) {
	for _, node := range c.Nodes {
		r, ok := reports[node]
		before := c.Before[node]
		if !ok {
			v.Waiting = append(v.Waiting, fmt.Sprintf("node %s does not report", node))
			continue
		}
		switch r.Stands(c.Policy) {
		case Refused:
			v.Failed = fmt.Sprintf("node %s cannot apply it: %s", node, r.Error)
			return v
		case Behind:
			v.Waiting = append(v.Waiting, fmt.Sprintf("node %s has not applied it yet", node))
			continue
		}
		if r.ID != c.Policy.ID {
			v.Waiting = append(v.Waiting, fmt.Sprintf("node %s has not taken it yet", node))
			continue
		}
		if lost := r.Lost(&before); len(lost) > 0 {
			v.Failed = fmt.Sprintf("on node %s %s", node, quorums(lost))
			return v
		}
		if r.MoreDown > before.MoreDown {
			v.Failed = fmt.Sprintf("on node %s more services than before have lost their quorum", node)
			return v
		}
	}
	return v
}

// quorums says that services have lost theirs.
func quorums(services []string) string {
	const most = 5
	names, more := slices.Clone(services), ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d others", len(names)-most)
	}
	noun := "service"
	if len(services) > 1 {
		noun = "services"
	}
	return fmt.Sprintf("%s %s%s lost the quorum", noun, strings.Join(names, ", "), more)
}
