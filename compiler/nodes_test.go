package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// scripts compiles a policy of many nodes for each of them.
func scripts(t *testing.T, g sample.Gateways) map[string]string {
	t.Helper()
	all, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: g.Policy()}})
	if all == nil {
		t.Fatal(ds)
	}
	out := map[string]string{}
	for _, node := range g.Nodes() {
		p, d := all.At(node)
		if d != nil {
			t.Fatal(d)
		}
		r, ds := Compile(p)
		if r == nil {
			t.Fatalf("node %s: %v", node, ds)
		}
		var b strings.Builder
		if err := r.WriteScript(&b); err != nil {
			t.Fatal(err)
		}
		out[node] = b.String()
	}
	return out
}

// Of 200 nodes no two have an address in common, their tables differ in their own laddrs and in nothing else, and
// nodes that come and go change no byte of another's table.
func TestManyNodes(t *testing.T) {
	var nodes []string
	for i := range 200 {
		nodes = append(nodes, fmt.Sprintf("gw%d", i))
	}
	g, err := sample.Gateways{Services: 2}.Among(nodes...)
	if err != nil {
		t.Fatal(err)
	}
	tables := scripts(t, g)
	own := map[string][]inet.Range{}
	var all []inet.Range
	for _, s := range g.Slices() {
		for _, l := range s.Laddrs {
			own[s.Node], all = append(own[s.Node], l.Range), append(all, l.Range)
		}
	}
	slices.SortFunc(all, inet.Range.Compare)
	for i := range all[1:] {
		if all[i].Overlaps(all[i+1]) {
			t.Errorf("%v and %v overlap", all[i], all[i+1])
		}
	}
	plain := func(node string) string {
		text := tables[node]
		for i, r := range own[node] {
			if !strings.Contains(text, r.String()) {
				t.Fatalf("the table of %s lacks its laddrs %v:\n%s", node, r, text)
			}
			text = strings.ReplaceAll(text, r.String(), fmt.Sprint("LADDRS", i))
		}
		return text
	}
	first := plain(nodes[0])
	for _, node := range nodes[1:] {
		if plain(node) != first {
			t.Fatalf("the table of %s differs from that of %s in more than its laddrs:\n%s", node, nodes[0], tables[node])
		}
	}
	// The first, the last and some between go; then others come, one of them in front.
	for _, change := range []func([]string) []string{
		func(n []string) []string {
			return slices.DeleteFunc(slices.Clone(n), func(s string) bool { return slices.Contains([]string{"gw0", "gw7", "gw100", "gw199"}, s) })
		},
		func(n []string) []string { return slices.Concat([]string{"a"}, n, []string{"b", "gw7"}) },
	} {
		if g, err = g.Among(change(g.Nodes())...); err != nil {
			t.Fatal(err)
		}
		now := scripts(t, g)
		for node, text := range now {
			if before, ok := tables[node]; ok && before != text {
				t.Errorf("the table of %s has changed with the nodes", node)
			}
		}
		tables = now
	}
}
