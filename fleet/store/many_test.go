package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/internal/cluster"
	"github.com/snatctl/snatctl/internal/soak"
	"github.com/snatctl/snatctl/policy"
)

// A hundred nodes follow. How long it takes is logged, and bounded by what nobody would wait for: docs/fleet.md
// says what was measured on a machine that does nothing else.
func TestHundredNodes(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	s := open(t, 30*time.Second, c.URLs()...)
	const many = 100
	var nodes []*node
	for i := range many {
		nodes = append(nodes, run(t, open(t, 0, c.URLs()...), fmt.Sprintf("gw%d", i), ""))
	}
	eventually(t, "all report", func() bool { all, err := s.Reports(t.Context()); return err == nil && len(all) == many })
	for _, n := range nodes {
		eventually(t, "all follow", func() bool { return n.f.Looked() })
	}
	time.Sleep(500 * time.Millisecond) // watches begin
	rounds := []struct {
		what string
		text []policy.Source
	}{{"200 KB", text(200_000, "a")}, {"200 KB", text(200_000, "b")}, {"200 KB, a line changed", nil}}
	if soak.Long() {
		rounds = append(rounds, rounds[0], rounds[0], rounds[2], rounds[2])
		rounds[3].what, rounds[3].text = "10 MB", text(10_000_000, "c")
		rounds[4].what, rounds[4].text = "10 MB, another", text(10_000_000, "d")
		rounds[4].text[0].Data = bytes.ReplaceAll(rounds[4].text[0].Data, []byte("web"), []byte("app"))
		rounds[5].what, rounds[6].what = "10 MB, a line changed", "10 MB, a line changed"
	}
	before := rounds[0].text
	for i, r := range rounds {
		if r.text == nil {
			r.text = []policy.Source{{Name: "policy.yaml", Data: bytes.Replace(before[0].Data, []byte("-700,"), fmt.Appendf(nil, "-changed-%d-700,", i), 1)}}
		}
		before = r.text
		busy, _ := c.Used(0)
		began := time.Now()
		b := prepare(t, s, r.text)
		sent := time.Since(began)
		began = time.Now()
		if err := b.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
		var took []time.Duration
		for _, n := range nodes {
			for id := range n.taken {
				if id == b.Pointer.ID {
					break
				}
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		told := time.Now()
		eventually(t, "all report it", func() bool {
			all, err := s.Reports(t.Context())
			return err == nil && !slices.ContainsFunc(nodes, func(n *node) bool { r := all[n.now().Node]; return r.Stands(b.Pointer) != fleet.Current })
		})
		reported := time.Since(told)
		now, peak := c.Used(0)
		t.Logf("%s: %d chunks, %d KB sent in %v; %d nodes have it: the last %v after the pointer; all have reported it %v later; etcd took %v of a processor, and %d MB at most",
			r.what, len(b.Pointer.Chunks), b.Sent>>10, sent.Round(time.Millisecond), many, took[many-1].Round(time.Millisecond), reported.Round(time.Millisecond), now-busy, peak>>20)
	}
	changes(t, c, s, nodes)
	busy, _ := c.Used(0)
	idle := time.Duration(soak.Count(0, 600)) * time.Second
	time.Sleep(idle)
	now, _ := c.Used(0)
	t.Logf("%v without changes: etcd took %v of a processor", idle, now-busy)
}

// changes publishes one change after the other, and waits for no node in between: all come to the last one.
func changes(t *testing.T, c *cluster.Cluster, s *store.Store, nodes []*node) {
	files := text(200_000, "a")
	busy, _ := c.Used(0)
	n, began := soak.Count(5, 300), time.Now()
	var last *fleet.Pointer
	for i := range n {
		last = publish(t, s, []policy.Source{{Name: "policy.yaml", Data: bytes.Replace(files[0].Data, []byte("-700,"), fmt.Appendf(nil, "-change-%d,", i), 1)}})
		if err := s.Tidy(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	for _, n := range nodes {
		n.awaits(t, last)
	}
	now, peak := c.Used(0)
	t.Logf("%d changes of a line in %v: %.0f a minute; the last node has the last one %v later; etcd took %v of a processor, and %d MB at most",
		n, took.Round(time.Millisecond), float64(n)/took.Minutes(), (time.Since(began) - took).Round(time.Millisecond), now-busy, peak>>20)
}
