package main

import (
	"context"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// connect opens a connection to the nftables of a namespace of the test's own.
func connect(t *testing.T) (*nstest.Host, *nftlink.Conn) {
	t.Helper()
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	var conn *nftlink.Conn
	err := h.Do(func() (err error) {
		conn, err = nftlink.Open()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return h, conn
}

func ruleset(t *testing.T, text string) *nft.Ruleset {
	t.Helper()
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
	if p == nil {
		t.Fatal(ds)
	}
	want, ds := compiler.Compile(p)
	if want == nil {
		t.Fatal(ds)
	}
	return want
}

// meanwhile makes a function for commit to call between reading and sending.
func meanwhile(f func()) func() (func(), error) {
	return func() (func(), error) {
		f()
		return func() {}, nil
	}
}

// The kernel refuses one element in the middle of 125,000: the error names the object of the
// policy that it is for, and nothing has changed. A compiled ruleset has no such element, so
// the test spoils one.
func TestRefusedElementNamesPolicy(t *testing.T) {
	t.Parallel()
	_, conn := connect(t)
	want := ruleset(t, string(sample.Services(25000, 4)))
	for set, spoil := range map[string]func(e *nft.Element){
		"services4":          func(e *nft.Element) { e.Verdict = nft.GotoChain("nowhere") },
		"turns4":             func(e *nft.Element) { e.Data += "\x00\x00\x00\x00" },
		"slots4/7/uncounted": func(e *nft.Element) { e.Data += "\x00\x00\x00\x00" },
	} {
		s := want.Set(set)
		e := &s.Elements[len(s.Elements)/2]
		good := *e
		spoil(e)
		start := "service " + serviceOf(t, want, *e) + ": the kernel refused element " + s.ElementString(*e) + " of " + set + ": "
		_, err := commit(t.Context(), conn, want, false, meanwhile(func() {}), new(timings))
		if err == nil || !strings.HasPrefix(err.Error(), start) {
			t.Errorf("the error is\n%v\nand should begin\n%s", err, start)
		}
		*e = good
		if live, _, err := conn.Read(t.Context(), want.Table); live != nil || err != nil {
			t.Errorf("there is a table, or %v", err)
		}
	}
	if _, err := commit(t.Context(), conn, want, false, meanwhile(func() {}), new(timings)); err != nil {
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
			h, conn := connect(t)
			if _, err := commit(t.Context(), conn, ruleset(t, before), false, meanwhile(func() {}), new(timings)); err != nil {
				t.Fatal(err)
			}
			want := ruleset(t, after)
			c, err := commit(t.Context(), conn, want, false, meanwhile(func() { runNft(t, h, script) }), new(timings))
			if err != nil || c.plan.Empty() {
				t.Fatalf("commit says %v, and its plan is %v", err, c.plan)
			}
			live, _, err := conn.Read(t.Context(), want.Table)
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
	f, err := nftlink.Forms(r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
