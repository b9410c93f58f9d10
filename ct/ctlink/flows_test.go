package ctlink_test

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/internal/nstest"
)

// The dump is what the conntrack tool lists.
func TestFlowsAreConntracks(t *testing.T) {
	g := newGateway(t)
	before := time.Now()
	g.mixed()
	flows, want := g.flows(), conntrackLines(t.Context(), t, g.host)
	// On a slow machine the last packets are under way still.
	for deadline := before.Add(nstest.Patience); !slices.Equal(lines(flows), want) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		flows, want = g.flows(), conntrackLines(t.Context(), t, g.host)
	}
	for _, f := range flows {
		if f.Start.Before(before) || f.Start.After(time.Now()) || !f.Stop.IsZero() {
			t.Errorf("%s began at %s, ended at %s", line(&f), f.Start, f.Stop)
		}
		if f.Timeout == 0 || f.Timeout > 86400 {
			t.Errorf("%s has %d s left", line(&f), f.Timeout)
		}
		translated := strings.Contains(f.Orig.Src.Addr().String(), "9.5.9") || strings.HasPrefix(f.Orig.Src.Addr().String(), "fd09")
		if f.TranslatedSrc() != translated || (f.Status&ct.SrcNAT != 0) != translated {
			t.Errorf("%s: source translated %v, status %#x", line(&f), f.TranslatedSrc(), f.Status)
		}
	}
	if len(want) != 20 {
		t.Errorf("conntrack lists %d flows, want 20:\n%s", len(want), strings.Join(want, "\n"))
	}
	if d := gocmp.Diff(want, lines(flows)); d != "" {
		t.Errorf("conntrack -L and the dump differ:\n%s", d)
	}
}

// lines lists flows as conntrack does, sorted.
func lines(flows []ct.Flow) []string {
	var out []string
	for i := range flows {
		out = append(out, line(&flows[i]))
	}
	slices.Sort(out)
	return out
}

// A list that was left early is no harm to what is asked next; within the loop nothing can be asked.
func TestFlowsLeftEarly(t *testing.T) {
	g := newGateway(t)
	for i := range 1000 { // more than one answer holds
		g.first(17, "10.1.5.9:"+strconv.Itoa(1024+i), "8.8.8.8:53")
	}
	g.tracked(1000)
	for range 3 {
		n := 0
		for _, err := range g.conn.Flows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.conn.Stats(t.Context()); err == nil {
				t.Error("the connection can be used within the loop")
			}
			if n++; n == 7 {
				break
			}
		}
		if s, err := g.conn.Stats(t.Context()); err != nil || s.Entries != 1000 {
			t.Fatalf("%d entries (%v), want 1000", s.Entries, err)
		}
	}
	if n := len(g.flows()); n != 1000 {
		t.Errorf("%d flows are listed, want 1000", n)
	}
}

func TestStats(t *testing.T) {
	g := newGateway(t)
	g.mixed()
	s := g.tracked(20)
	limit, err := g.host.ReadSysctl("net/netfilter/nf_conntrack_max")
	if err != nil {
		t.Fatal(err)
	}
	if s.Entries != 20 || strconv.Itoa(int(s.Max)) != limit {
		t.Errorf("%d entries of %d, want 20 of %s", s.Entries, s.Max, limit)
	}
	// What conntrack -S prints, summed.
	out, err := g.host.Output(t.Context(), "conntrack", "-S")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]uint64{}
	for _, word := range strings.Fields(out) {
		if key, value, ok := strings.Cut(word, "="); ok && key != "cpu" {
			n, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				t.Fatal(errors.Join(err, errors.New(out)))
			}
			want[key] += n
		}
	}
	got := map[string]uint64{"found": s.Found, "invalid": s.Invalid, "insert": s.Insert, "insert_failed": s.InsertFailed, "drop": s.Drop,
		"early_drop": s.EarlyDrop, "error": s.Error, "search_restart": s.SearchRestart}
	delete(want, "clash_resolve") // nobody asks for these
	delete(want, "chaintoolong")
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("conntrack -S and the counters differ:\n%s", d)
	}
}
