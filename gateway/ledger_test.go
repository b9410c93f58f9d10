package gateway

import (
	"slices"
	"testing"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
)

// hold opens the gateway of a namespace to change it.
func hold(t *testing.T, h *nstest.Host, stateDir string) *Gateway {
	t.Helper()
	var g *Gateway
	err := h.Do(func() (err error) {
		g, err = Hold(Options{Table: "snatctl", StateDir: stateDir})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func wanted(t *testing.T, text string) *Wanted {
	t.Helper()
	sources := []policy.Source{{Name: "policy.yaml", Data: []byte("version: 1\ngateway: {forwarding: false, sysctls: false}\nservices:\n" + text)}}
	w, ds := Compile(compiled.Policy(t, sources[0].Data), sources)
	if w == nil {
		t.Fatal(ds)
	}
	return w
}

// An apply that was killed at its commit is found out by the table that stands.
func TestKilledAtCommit(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	before, after := webOf+"192.168.1.1}\n", webOf+"192.168.1.2}\n"
	for _, c := range []struct {
		name    string
		trial   bool
		commits bool   // before it is killed
		script  string // what somebody does to the table then
		want    []history.State
	}{
		{"before the transaction", false, false, "", []history.State{history.Applied}},
		{"behind it", false, true, "", []history.State{history.Applied, history.Applied}},
		{"behind it, awaiting confirmation", true, true, "", []history.State{history.Unconfirmed, history.Applied}},
		{"behind it, and the machine starts again", false, true, "delete table inet snatctl", []history.State{history.Pending, history.Applied}},
		{"behind it, and somebody changes the table", false, true, "add chain inet snatctl mine", []history.State{history.Pending, history.Applied}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, dir := nstest.NewHost(t, "gateway"), t.TempDir()
			g := hold(t, h, dir)
			o := ApplyOptions{Command: "apply", User: "ops"}
			if _, err := g.Apply(t.Context(), wanted(t, before), o); err != nil {
				t.Fatal(err)
			}
			if c.trial {
				o.Confirm = 1 << 40
			}
			w := wanted(t, after)
			killed := &Change{g: g, w: w, o: o, around: &around{g: g, w: w}}
			prepare := func(at comparison) (func() error, error) { return killed.prepare(t.Context(), at) }
			if c.commits {
				if _, err := g.commit(t.Context(), killed.w.Ruleset, false, prepare); err != nil {
					t.Fatal(err)
				}
			} else if _, err := prepare(comparison{plan: plan(t, killed.w)}); err != nil {
				t.Fatal(err)
			}
			g.Close()
			if c.script != "" {
				runNft(t, h, c.script)
			}
			for range 2 { // what is found is written down
				g = hold(t, h, dir)
				entries, damaged, err := g.History(t.Context())
				if err != nil || len(damaged) > 0 {
					t.Fatal(err, damaged)
				}
				var got []history.State
				for _, e := range entries {
					got = append(got, e.State)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("the history says %v, want %v", got, c.want)
				}
				g.Close()
			}
			entries, _, err := history.Open(dir).List("snatctl")
			if err != nil || len(entries) != len(c.want) || entries[0].State != c.want[0] {
				t.Errorf("%v, and on disk stands %+v, want %v", err, entries, c.want)
			}
		})
	}
}

// A commit that fails leaves no entry.
func TestRefusedLeavesNoEntry(t *testing.T) {
	t.Parallel()
	nstest.Require(t)
	dir := t.TempDir()
	g := hold(t, nstest.NewHost(t, "gateway"), dir)
	defer g.Close()
	w := wanted(t, webOf+"[192.168.1.1, 192.168.1.2]}\n")
	w.Ruleset.Set("turns4").Elements[0].Data += "\x00\x00\x00\x00"
	if _, err := g.Apply(t.Context(), w, ApplyOptions{Command: "apply"}); err == nil {
		t.Fatal("the kernel takes it")
	}
	if entries, damaged, err := history.Open(dir).List("snatctl"); len(entries) > 0 || len(damaged) > 0 || err != nil {
		t.Errorf("the history has %+v, %v, %v", entries, damaged, err)
	}
}
