package nftlink_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

const lost = "the kernel's answer is lost"

// flood makes a gateway's connection lose answers, and fills its buffer with notices of
// changes of another table.
func (g *gateway) flood() {
	g.t.Helper()
	if err := g.conn.Flood(); err != nil {
		g.t.Fatal(err)
	}
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "add table inet other%d\n", i)
	}
	g.nft(b.String())
}

// The kernel commits, and its acknowledgement is lost as the socket's buffer overruns: Apply
// and Delete find out that all went well.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	if err := g.conn.Flood(); err != nil {
		t.Fatal(err)
	}
	want := mustCompile(t, string(sample.Services(500, 2)))
	if err := g.conn.Recommit(t.Context(), diff(nil, want), "", ""); err == nil || !strings.Contains(err.Error(), lost) {
		t.Fatalf("no answer is lost in this test: %v", err)
	}
	g.holds(want)
	for _, policy := range []string{small, string(sample.Zones(500)), "version: 1\n"} {
		want := mustCompile(t, policy)
		g.apply(want)
		g.holds(want)
	}
	if was, err := g.conn.Delete(t.Context(), "snatctl"); !was || err != nil {
		t.Errorf("Delete says %v, %v", was, err)
	}
	if live, _ := g.read("snatctl"); live != nil {
		t.Error("the table is still there after Delete")
	}
}

// The kernel refuses, and the answer that says why is lost: no success is reported, and what
// another writer changed meanwhile is told from what the kernel refused.
func TestRefusalLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		stale bool
	}{{"refused", false}, {"another writer was first", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			second := g.on(t)
			if err := g.host.Do(func() (err error) { second.conn, err = nftlink.Open(); return err }); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { second.conn.Close() })
			want := mustCompile(t, small)
			if !c.stale {
				want.Chain("zones").Rules[0].Stmts = []nft.Stmt{nft.Give{Verdict: nft.GotoChain("nowhere")}}
			}
			_, gen := second.read("snatctl")
			g.flood()
			if !c.stale {
				_, gen = second.read("snatctl")
			}
			err := g.conn.Apply(t.Context(), diff(nil, want), gen)
			if err == nil || !strings.Contains(err.Error(), lost) || errors.Is(err, nftlink.ErrStale) != c.stale || errors.Is(err, nftlink.ErrUnknown) {
				t.Errorf("Apply says %v", err)
			}
			if live, _ := second.read("snatctl"); live != nil {
				t.Error("there is a table")
			}
		})
	}
}

// More refusals than the socket's buffer has room for: the first is still reported.
func TestRefusalsOverrun(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.apply(mustCompile(t, small))
	if err := g.conn.Narrow(); err != nil {
		t.Fatal(err)
	}
	plan := nft.Plan{Want: formed(&nft.Ruleset{Table: "snatctl"})}
	for i := range 3000 {
		plan.Ops = append(plan.Ops, nft.Op{Mark: nft.Delete, Chain: &nft.Chain{Name: fmt.Sprint("nowhere-", i)}})
	}
	g.refused("chain nowhere-0", unix.ENOENT, func() error {
		return g.conn.Apply(t.Context(), plan, 0)
	})
}

// A map that somebody limited refuses what it has no room for. Apply does not run into that: it makes
// the map anew.
func TestFullSet(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	want := mustCompile(t, string(sample.Services(100, 1)))
	declared := script(t, want)
	_, declared, _ = strings.Cut(declared, "map services4 {")
	declared, _, _ = strings.Cut(declared, "elements")
	g.nft("table inet snatctl { comment \"" + want.Comment + "\"; map services4 {" + declared + "; size 50; }; }")
	s := want.Set("services4")
	accept := make([]nft.Element, len(s.Elements))
	for i, e := range s.Elements {
		e.Verdict = nft.Verdict{Kind: nft.Accept}
		accept[i] = e
	}
	g.steady(func() {
		g.refused(fmt.Sprintf("element %s of services4", s.ElementString(accept[50])), unix.ENFILE, func() error {
			plan := nft.Plan{Want: formed(&nft.Ruleset{Table: "snatctl"}), Ops: []nft.Op{{Mark: nft.Add, Set: s, Elements: accept}}}
			return g.conn.Apply(t.Context(), plan, 0)
		})
	})
	if plan := g.apply(want); plan.Whole != nft.Keep {
		t.Errorf("the table is made anew: %s", plan.Reason)
	}
	g.holds(want)
}

// A map that compile gave a size, and that a policy outgrows, is made anew, with the rules that look into
// it. The rest of the table stays: the clients of persistent services are still known. One that has room
// stays itself, though a smaller policy would have it smaller.
func TestOutgrown(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	services := func(n int) *nft.Ruleset {
		return mustCompile(t, string(sample.Services(n, 4))+"  - {name: kept, vip: 203.0.113.3, ports: udp/80, mode: nat, persistence: 300s, real_servers: [192.168.1.1, 192.168.1.2]}\n")
	}
	few, many := services(1100), services(3500)
	if few.Set("services4").Size == 0 || len(many.Set("services4").Elements) <= int(few.Set("services4").Size) {
		t.Fatalf("services4 has size %d, which is large enough for all", few.Set("services4").Size)
	}
	g.apply(few)
	g.holds(few)
	if live, _ := g.read(few.Table); live.Set("services4").Size != few.Set("services4").Size {
		t.Errorf("services4 is read with size %d, want %d", live.Set("services4").Size, few.Set("services4").Size)
	}
	client := nft.Op{Mark: nft.Add, Set: few.Set("sticky4"), Elements: []nft.Element{ // nft 0.9.8 cannot add it
		{Key: "\x0a\x00\x00\x01\xcb\x00\x71\x03\x11\x00\x00\x00\x00\x50\x00\x00", Data: "\xc0\xa8\x01\x01\x00\x50\x00\x00"}}}
	if err := g.conn.Apply(t.Context(), nft.Plan{Want: formed(few), Ops: []nft.Op{client}}, 0); err != nil {
		t.Fatal(err)
	}
	sticky := func() {
		t.Helper()
		if out := g.output("list", "map", "inet", few.Table, "sticky4"); !strings.Contains(out, "10.0.0.1 ") {
			t.Errorf("the client of a persistent service is forgotten:\n%s", out)
		}
	}

	plan := g.apply(many)
	if text := formatted(plan); plan.Whole != nft.Keep || !strings.Contains(text, "- map services4 {") || !strings.Contains(text, "+ map services4 {") {
		t.Errorf("services4 is not made anew: %s", plan.Reason)
	}
	g.holds(many)
	sticky()

	for _, op := range g.apply(few).Ops {
		if op.Set != nil && op.Elements == nil && op.Set.Name == "services4" {
			t.Errorf("services4 has room, and is made anew: %c", op.Mark)
		}
	}
	if plan := g.apply(few); !plan.Empty() {
		t.Errorf("what is read differs from what was wanted:\n%s", formatted(plan))
	}
	sticky()
}

// A kernel without conntrack or NAT. The one that runs the tests may have them built in, so it
// is asked for parts that no kernel has: it answers as one that lacks the real ones.
func TestKernelLacks(t *testing.T) {
	t.Parallel()
	want := mustCompile(t, small)
	for _, c := range []struct{ name, old, other, object, lacks string }{
		{"conntrack", "\x07\x00\x01\x00ct\x00", "\x07\x00\x01\x00cx\x00", "rule ", "expression cx (module nft_cx, CONFIG_NFT_CX)"},
		{"NAT", "\x08\x00\x01\x00nat\x00", "\x08\x00\x01\x00nax\x00", "rule ", "expression nax (module nft_nax, CONFIG_NFT_NAX)"},
		{"chains of NAT", "\x08\x00\x07\x00nat\x00", "\x08\x00\x07\x00nax\x00", "chain ", "chains of type nat (module nft_chain_nat, CONFIG_NFT_NAT)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			err := g.stays(func() error { return g.conn.Recommit(t.Context(), diff(nil, want), c.old, c.other) })
			var refused *nftlink.RefusedError
			if !errors.As(err, &refused) || refused.Errno != unix.ENOENT || refused.Lacks != c.lacks || !strings.HasPrefix(refused.Object, c.object) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
