package gateway

import (
	"context"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/compiled"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// look opens the gateway of a namespace of the test's own.
func look(t *testing.T) (*nstest.Host, *Gateway) {
	t.Helper()
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	var g *Gateway
	err := h.Do(func() (err error) {
		g, err = Look(Options{Table: "snatctl", StateDir: t.TempDir()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return h, g
}

// meanwhile makes a function for commit to call between reading and sending.
func meanwhile(f func()) func(comparison) (func() error, error) {
	return func(comparison) (func() error, error) {
		f()
		return func() error { return nil }, nil
	}
}

// The kernel refuses one element in the middle of 125,000: the error names the object of the
// policy that it is for, and nothing has changed. A compiled ruleset has no such element, so
// the test spoils one.
func TestRefusedElementNamesPolicy(t *testing.T) {
	t.Parallel()
	_, g := look(t)
	want := compiled.Table(t, sample.Services(25000, 4))
	for set, spoil := range map[string]func(e *nft.Element){
		"services4":          func(e *nft.Element) { e.Verdict = nft.GotoChain("nowhere") },
		"turns4/7":           func(e *nft.Element) { e.Data += "\x00\x00\x00\x00" },
		"slots4/7/uncounted": func(e *nft.Element) { e.Data += "\x00\x00\x00\x00" },
	} {
		s := want.Set(set)
		e := &s.Elements[len(s.Elements)/2]
		good := *e
		spoil(e)
		start := "service " + serviceOf(t, want, *e) + ": the kernel refused element " + s.ElementString(*e) + " of " + set + ": "
		_, err := g.commit(t.Context(), want, false, meanwhile(func() {}))
		if err == nil || !strings.HasPrefix(err.Error(), start) {
			t.Errorf("the error is\n%v\nand should begin\n%s", err, start)
		}
		*e = good
		if live, _, err := g.conn.Read(t.Context(), want.Table); live != nil || err != nil {
			t.Errorf("there is a table, or %v", err)
		}
	}
	if _, err := g.commit(t.Context(), want, false, meanwhile(func() {})); err != nil {
		t.Errorf("with nothing spoilt: %v", err)
	}
}

// serviceOf finds the service of an element by its key, which a slot's begins with.
func serviceOf(t *testing.T, r *nft.Ruleset, e nft.Element) string {
	t.Helper()
	for _, s := range r.Set("services4").Elements {
		if strings.HasPrefix(e.Key, s.Key) {
			return s.Comment
		}
	}
	t.Fatalf("%q has no service", e.Key)
	return ""
}

// What somebody else does to the table between reading it and the commit is seen, and apply
// starts over: what stands at last is the policy's.
func TestForeignBetween(t *testing.T) {
	t.Parallel()
	const before = "version: 1\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}\n"
	const after = before + "  - {name: guests, from: 10.2.0.0/16, laddrs: 198.51.100.2}\n"
	for name, script := range map[string]string{
		"table deleted":           "delete table inet snatctl",
		"table flushed":           "flush table inet snatctl",
		"map flushed":             "flush map inet snatctl zones4",
		"element added":           "add element inet snatctl zones4 { 10.2.0.0/16 : 198.51.100.99/32 }",
		"all flushed":             "flush ruleset",
		"deleted and made anew":   "delete table inet snatctl; add table inet snatctl",
		"another table":           "add table inet other",
		"dormant":                 "add table inet snatctl { flags dormant; }",
		"a chain of its own hook": "add chain inet snatctl mine { type filter hook input priority 5; policy drop; }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, g := look(t)
			if _, err := g.commit(t.Context(), compiled.Table(t, []byte(before)), false, meanwhile(func() {})); err != nil {
				t.Fatal(err)
			}
			want := compiled.Table(t, []byte(after))
			c, err := g.commit(t.Context(), want, false, meanwhile(func() { runNft(t, h, script) }))
			if err != nil || c.plan.Empty() {
				t.Fatalf("commit says %v, and its plan is %v", err, c.plan)
			}
			live, _, err := g.conn.Read(t.Context(), want.Table)
			if err != nil || !nft.Diff(live, formed(t, want)).Empty() {
				t.Errorf("what stands is not the policy (%v)", err)
			}
		})
	}
}

func runNft(t *testing.T, h *nstest.Host, script string) {
	t.Helper()
	if r, err := h.RunInput(context.Background(), script, "nft", "-f", "-"); err != nil || r.Code != 0 {
		t.Fatalf("nft: %v %s", err, r.Stderr)
	}
}

func formed(t *testing.T, r *nft.Ruleset) nft.Formed {
	t.Helper()
	f, err := wire.Forms(r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// plan is what makes a table of nothing.
func plan(t *testing.T, w *Wanted) nft.Plan {
	t.Helper()
	return nft.Diff(nil, formed(t, w.Ruleset))
}
