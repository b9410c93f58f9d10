package compiler

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/sample"
)

// scripts compiles a policy of many nodes for each of them.
func scripts(t *testing.T, g sample.Gateways) map[string]string {
	t.Helper()
	all := mustParse(t, g.Policy())
	out := map[string]string{}
	for _, node := range g.Nodes() {
		p, d := all.At(node)
		if d != nil {
			t.Fatal(d)
		}
		var b strings.Builder
		if err := mustCompile(t, p).WriteScript(&b); err != nil {
			t.Fatal(err)
		}
		out[node] = b.String()
	}
	return out
}

// Of 200 nodes no two have an address in common, their tables differ in their own laddrs and in nothing else, and
// nodes that come and go change no byte of another's table.
func TestManyNodes(t *testing.T) {
	g := gatewaysOf(t, 200, 2)
	nodes := g.Nodes()
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
		var err error
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

func gatewaysOf(t testing.TB, nodes, services int) sample.Gateways {
	t.Helper()
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("gw%d", i))
	}
	g, err := sample.Gateways{Services: services}.Among(names...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// BenchmarkNode is what one node of many does with a policy that it has fetched, before it looks at the kernel.
func BenchmarkNode(b *testing.B) {
	for _, nodes := range []int{1, 20, 200} {
		b.Run(fmt.Sprint(nodes), func(b *testing.B) {
			text := gatewaysOf(b, nodes, 1000).Policy()
			busy := lab.SelfCPU()
			for b.Loop() {
				p, d := mustParse(b, text).At("gw0")
				if d != nil {
					b.Fatal(d)
				}
				mustCompile(b, p)
			}
			b.ReportMetric((lab.SelfCPU()-busy).Seconds()*1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(len(text)), "bytes")
		})
	}
}
