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
}

func nodes(st *store.Standing, reports map[string]fleet.Report) []node {
	out := []node{}
	for _, name := range slices.Sorted(maps.Keys(reports)) {
		n := node{Report: reports[name]}
		p, _ := st.For(name)
		if n.State = n.Stands(p); p != nil {
			n.Wanted = p.Hash
		}
		if n.ServicesDown == nil {
			n.ServicesDown = []string{}
		}
		out = append(out, n)
	}
	return out
}

// NodesJSON prints what nodes run.
func NodesJSON(w io.Writer, st *store.Standing, reports map[string]fleet.Report) error {
	return JSON(w, nodes(st, reports))
}

// Nodes prints it for people.
func Nodes(w *plain.Writer, st *store.Standing, reports map[string]fleet.Report) error {
	if p := st.Policy; p == nil {
		fmt.Fprintln(w, "no policy is published yet")
	} else {
		fmt.Fprintf(w, "policy %d (%s), published %s by %s\n", p.Number, short(p.Hash), when(p.Time), plain.Text(p.User))
	}
	for _, name := range slices.Sorted(maps.Keys(st.Targets)) {
		p := st.Targets[name]
		fmt.Fprintf(w, "canary: %s is to run policy %d (%s), published %s by %s\n", plain.Text(name), p.Number, short(p.Hash), when(p.Time), plain.Text(p.User))
	}
	all := nodes(st, reports)
	if len(all) == 0 {
		fmt.Fprintln(w, "no node reports")
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tSTATE\tPOLICY\tAPPLIED\tSERVICES DOWN\tERROR")
	for _, n := range all {
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
