package store_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/snatctl/snatctl/fleet"
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
		t.Logf("%s: %d chunks, %d KB sent in %v; %d nodes have it: the last %v after the pointer; all have reported it %v later",
			r.what, len(b.Pointer.Chunks), b.Sent>>10, sent.Round(time.Millisecond), many, took[many-1].Round(time.Millisecond), time.Since(told).Round(time.Millisecond))
	}
}
