package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// Published says that a fleet has another policy.
func Published(w *plain.Writer, b *store.Publication) {
	p := b.Pointer
	fmt.Fprintf(w, "published policy %d (%s) of %s: %s in %s, of which %s were sent\n",
		p.Number, short(p.Hash), plain.Count(len(p.Files), "file"), size(uint64(total(p))), plain.Count(len(p.Chunks), "chunk"), size(uint64(b.Sent)))
}

func total(p *fleet.Pointer) (n int) {
	for _, f := range p.Files {
		n += f.Size
	}
	return n
}

// short is as much of a hash as tells policies apart for people.
func short(hash string) string { return hash[:min(12, len(hash))] }

// node is what a node runs, and how that stands to what it is to run.
type node struct {
	fleet.Report
	State  fleet.State `json:"state"`
	Wanted string      `json:"wanted"` // hash of the policy that it is to run; empty: none is published

	NodeState policy.NodeState `json:"node_state,omitempty"` // that it was given beside the policy; empty: none
}

// silent is the state of a node that the policy has and that does not report.
const silent fleet.State = "silent"

// Nodes is what is known of a fleet's nodes.
type Nodes struct {
	Standing *store.Standing
	Reports  map[string]fleet.Report
	Policy   []string                    // names of those that the policy has
	States   map[string]policy.NodeState // that were given beside the policy
}

func (all Nodes) list() []node {
	st, out := all.Standing, []node{}
	names := slices.AppendSeq(slices.Clone(all.Policy), maps.Keys(all.Reports))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		report, reports := all.Reports[name]
		report.Node = name
		n := node{Report: report, NodeState: all.States[name]}
		p, _ := st.For(name)
		if n.State = n.Stands(p); !reports {
			n.State = silent
		}
		if p != nil {
			n.Wanted = p.Hash
		}
		if n.ServicesDown == nil {
			n.ServicesDown = []string{}
		}
		out = append(out, n)
	}
	return out
}

// JSON prints what nodes run.
func (all Nodes) JSON(w io.Writer) error { return JSON(w, all.list()) }

// Text prints it for people.
func (all Nodes) Text(w *plain.Writer) error {
	st := all.Standing
	if p := st.Policy; p == nil {
		fmt.Fprintln(w, "no policy is published yet")
	} else {
		fmt.Fprintf(w, "policy %d (%s), published %s by %s\n", p.Number, short(p.Hash), when(p.Time), plain.Text(p.User))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Targets)) {
		p := st.Targets[name]
		fmt.Fprintf(w, "canary: %s is to run policy %d (%s), published %s by %s\n", plain.Text(name), p.Number, short(p.Hash), when(p.Time), plain.Text(p.User))
	}
	for _, name := range slices.Sorted(maps.Keys(all.States)) {
		fmt.Fprintf(w, "node %s: %s\n", plain.Text(name), all.given(name))
	}
	list := all.list()
	if len(list) == 0 {
		fmt.Fprintln(w, "no node reports")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tSTATE\tPOLICY\tAPPLIED\tSERVICES DOWN\tERROR")
	for _, n := range list {
		down := "-"
		if d := len(n.ServicesDown) + n.MoreDown; d > 0 {
			down = strconv.Itoa(d) + ": " + strings.Join(n.ServicesDown[:min(3, len(n.ServicesDown))], ", ")
			if d > 3 {
				down += " …"
			}
		}
		trouble, _, _ := strings.Cut(n.Error, "\n")
		applied := "-"
		if !n.AppliedAt.IsZero() {
			applied = when(n.AppliedAt)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", plain.Text(n.Node), n.State, plain.Text(short(n.Hash)), applied, plain.Text(down), plain.Text(trouble))
	}
	return t.Flush()
}

// given says what a node's state beside the policy means.
func (all Nodes) given(name string) string {
	left := ""
	if r := all.Reports[name]; r.Flows != nil {
		left = ", " + plain.Count(*r.Flows, "flow") + " of services left"
	}
	switch all.States[name] {
	case policy.NodeDrain:
		return "drain (takes no new connections" + left + ")"
	case policy.NodeOut:
		return "out (drained: the others send it nothing" + left + ")"
	}
	return "return (takes new connections, and the others send it those that they do not know)"
}
