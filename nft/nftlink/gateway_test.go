package nftlink_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// gateway is a network namespace with a connection to its nftables.
type gateway struct {
	t    testing.TB
	host *nstest.Host
	conn *nftlink.Conn
}

func newGateway(t testing.TB) *gateway {
	t.Helper()
	g := &gateway{t: t, host: nstest.NewHost(t, "gateway")}
	err := g.host.Do(func() (err error) {
		g.conn, err = nftlink.Open()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.conn.Close() })
	return g
}

// on returns the same gateway for a subtest.
func (g *gateway) on(t testing.TB) *gateway { return &gateway{t, g.host, g.conn} }

// nft runs a script, which must succeed.
func (g *gateway) nft(script string) {
	g.t.Helper()
	r, err := g.host.RunInput(g.t.Context(), script, "nft", "-f", "-")
	if err != nil || r.Code != 0 {
		g.t.Fatalf("nft -f: %v, exit status %d: %s\n%s", err, r.Code, r.Stderr, script)
	}
}

// output runs nft with arguments and returns what it prints.
func (g *gateway) output(args ...string) string {
	g.t.Helper()
	out, err := g.host.Output(g.t.Context(), "nft", args...)
	if err != nil {
		g.t.Fatal(err)
	}
	return out
}

func (g *gateway) list(table string) string {
	g.t.Helper()
	return g.output("-s", "list", "table", "inet", table)
}

func (g *gateway) clear() { g.t.Helper(); g.nft("flush ruleset") }

func (g *gateway) read(table string) (*nft.Ruleset, nftlink.Generation) {
	g.t.Helper()
	r, gen, err := g.conn.Read(g.t.Context(), table)
	if err != nil {
		g.t.Fatal(err)
	}
	return r, gen
}

// apply brings the kernel to a ruleset and returns the plan that it took.
func (g *gateway) apply(want *nft.Ruleset) nft.Plan {
	g.t.Helper()
	live, gen := g.read(want.Table)
	plan := diff(live, want)
	if err := g.conn.Apply(g.t.Context(), plan, gen); err != nil {
		g.t.Fatalf("%v, applying\n%s", err, formatted(plan))
	}
	return plan
}

// holds fails unless the kernel's table is the wanted ruleset: as a value, and for Diff. A set that has room
// may have more of it than is wanted.
func (g *gateway) holds(want *nft.Ruleset) {
	g.t.Helper()
	live, _ := g.read(want.Table)
	if live == nil {
		g.t.Fatalf("there is no table %s", want.Table)
	}
	if plan := diff(live, want); !plan.Empty() {
		g.t.Errorf("what is read differs from what was wanted:\n%s", formatted(plan))
	}
	for _, s := range live.Sets {
		if w := want.Set(s.Name); w != nil && !s.Dynamic && (s.Size == 0 || len(w.Elements) <= int(s.Size)) {
			s.Size = w.Size
		}
	}
	if diff := gocmp.Diff(asRead(want), asRead(live)); diff != "" {
		g.t.Errorf("what is read is another value (-want +got):\n%s", diff)
	}
}

// asRead returns what a kernel can know of a ruleset: no statements but forms, and no order
// where order has no meaning. Handles are the kernel's own.
func asRead(r *nft.Ruleset) *nft.Ruleset {
	out := &nft.Ruleset{Table: r.Table, Comment: r.Comment, Flowtable: r.Flowtable, Dormant: r.Dormant, Others: r.Others}
	for _, o := range r.Objects {
		out.Objects = append(out.Objects, o.Bare())
	}
	slices.SortFunc(out.Objects, func(a, b nft.Object) int { return cmp.Compare(a.Ref().String(), b.Ref().String()) })
	for _, s := range r.Sets {
		c := *s
		c.Elements = slices.Clone(s.Elements)
		slices.SortFunc(c.Elements, func(a, b nft.Element) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.KeyEnd, b.KeyEnd)) })
		if len(c.Elements) == 0 {
			c.Elements = nil
		}
		out.Sets = append(out.Sets, &c)
	}
	for _, c := range r.Chains {
		x := &nft.Chain{Name: c.Name, Hook: c.Hook}
		for _, rule := range c.Rules {
			x.Rules = append(x.Rules, nft.Rule{Form: rule.Form, Comment: rule.Comment})
		}
		out.Chains = append(out.Chains, x)
	}
	slices.SortFunc(out.Sets, func(a, b *nft.Set) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Chains, func(a, b *nft.Chain) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func formatted(p nft.Plan) string {
	var b strings.Builder
	p.Format(&b)
	return b.String()
}

func script(t testing.TB, r *nft.Ruleset) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteScript(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// compile returns a policy's ruleset with forms; nil where the policy is invalid or cannot
// be carried out.
func compile(t testing.TB, text []byte) *nft.Ruleset {
	t.Helper()
	p, _ := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}})
	if p == nil {
		return nil
	}
	r, _ := compiler.Compile(p)
	if r == nil {
		return nil
	}
	formed(r)
	return r
}

func mustCompile(t testing.TB, text string) *nft.Ruleset {
	t.Helper()
	r := compile(t, []byte(text))
	if r == nil {
		t.Fatalf("invalid policy:\n%s", text)
	}
	return r
}

// testCase is a ruleset by the name of its policy.
type testCase struct {
	name string
	want *nft.Ruleset
}

// features returns the golden cases of the compiler, and the policies that all packages share.
func features(t testing.TB) []testCase {
	return append(archives(t, "../../compiler/testdata/compile/*.txtar"), policies(t, "../../testdata/valid/*.yaml")...)
}

// steps returns the policies that golden cases walk through.
func steps(t testing.TB) []testCase {
	return append(archives(t, "../../compiler/tell/testdata/*.txtar"), archives(t, "../testdata/*.txtar")...)
}

// archives returns the policies in txtar files that compile.
func archives(t testing.TB, pattern string) []testCase {
	t.Helper()
	var out []testCase
	for _, path := range glob(t, pattern) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if filepath.Ext(f.Name) != ".yaml" {
				continue
			}
			if r := compile(t, f.Data); r != nil {
				out = append(out, testCase{strings.TrimSuffix(filepath.Base(path), ".txtar") + "/" + f.Name, r})
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("nothing in %s compiles", pattern)
	}
	return out
}

// policies returns the policy files that compile.
func policies(t testing.TB, pattern string) []testCase {
	t.Helper()
	var out []testCase
	for _, path := range glob(t, pattern) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if r := compile(t, text); r != nil {
			out = append(out, testCase{filepath.Base(path), r})
		}
	}
	return out
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file matches %s (%v)", pattern, err)
	}
	return paths
}

// formed gives a ruleset its forms, and diff compares with it.
func formed(r *nft.Ruleset) nft.Formed {
	f, err := wire.Forms(r)
	if err != nil {
		panic(err)
	}
	return f
}

func diff(live, want *nft.Ruleset) nft.Plan { return nft.Diff(live, formed(want)) }
