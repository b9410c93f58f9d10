package nft_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// compile returns a policy's ruleset with forms, and with handles as the kernel gives them;
// nil where the policy cannot be had.
func compile(t *testing.T, text string) *nft.Ruleset {
	t.Helper()
	p, _ := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
	if p == nil {
		return nil
	}
	r, _ := compiler.Compile(p)
	if r == nil {
		return nil
	}
	if p.Gateway.Offload == policy.OffloadSoftware { // on a host that has the uplinks and lan0
		devices := []string{"lan0"}
		for _, u := range p.Gateway.Uplinks {
			if !strings.HasSuffix(u, "*") {
				devices = append(devices, u)
			}
		}
		compiler.Offload(r, devices)
	}
	n := uint64(0)
	for _, c := range r.Chains {
		for i := range c.Rules {
			n++
			c.Rules[i].Form, c.Rules[i].Handle = c.Rules[i].String(), n
		}
	}
	return r
}

// Applying the difference between two rulesets to the first gives the second, through a kernel
// that refuses what the real one refuses; between equal ones there is none.
// SNATCTL_SEED repeats a walk.
func TestDiffLeadsFromAToB(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("SNATCTL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	r := &maker{rand.New(rand.NewPCG(seed, 0))}
	valid, steps := 0, 0
	var a *nft.Ruleset
	var from string
	for range 200 {
		text := r.policy()
		b := compile(t, text)
		if b == nil {
			continue
		}
		valid++
		for _, s := range b.Sets { // compile gives big ones a size
			if !s.Dynamic && !s.Interval && len(s.Elements) > 0 && r.IntN(2) == 0 {
				s.Size = uint32(len(s.Elements) + r.IntN(3))
			}
		}
		if again := compile(t, text); !diff(b, again).Empty() {
			t.Fatalf("SNATCTL_SEED=%d: a ruleset differs from itself, policy\n%s", seed, text)
		}
		plan := diff(a, b)
		k := &kernel{}
		if a != nil {
			k.table = canonical(a)
			for i, c := range canonical(a).Chains { // the kernel knows rules by handle
				for n := range c.Rules {
					k.table.Chains[i].Rules[n].Handle = a.Chain(c.Name).Rules[n].Handle
				}
			}
		}
		if err := k.apply(plan); err != nil {
			t.Fatalf("SNATCTL_SEED=%d: from\n%s\nto\n%s\nthe plan\n%s\nis refused: %v", seed, from, text, formatted(plan), err)
		}
		held := canonical(k.table)
		for _, s := range held.Sets { // a set that has room stays as it is declared
			if w := b.Set(s.Name); !s.Dynamic && s.Size != w.Size && (s.Size == 0 || int(s.Size) >= len(w.Elements)) {
				s.Size = w.Size
			}
		}
		if d := cmp.Diff(canonical(b), held); d != "" {
			t.Fatalf("SNATCTL_SEED=%d: from\n%s\nto\n%s\nthe plan leads elsewhere (-want +got):\n%s", seed, from, text, d)
		}
		deletionsFirst(t, plan)
		frugal(t, a, b, plan)
		if !plan.Empty() {
			steps++
		}
		a, from = b, text
	}
	if valid < 50 || steps < 45 {
		t.Errorf("SNATCTL_SEED=%d: only %d of 200 policies were valid, and %d steps changed anything", seed, valid, steps)
	}
}

// deletionsFirst fails where an addition stands before a deletion.
func deletionsFirst(t *testing.T, p nft.Plan) {
	t.Helper()
	added := false
	for _, op := range p.Ops {
		added = added || op.Mark == nft.Add
		if added && op.Mark == nft.Delete {
			t.Fatalf("a deletion stands behind an addition:\n%s", formatted(p))
		}
	}
}

// frugal fails where a plan touches an element that both rulesets hold alike, unless its set is made anew: only one
// that is full may be.
func frugal(t *testing.T, a, b *nft.Ruleset, p nft.Plan) {
	t.Helper()
	if p.Whole != nft.Keep {
		return
	}
	held := func(r *nft.Ruleset) map[string]bool {
		m := map[string]bool{}
		for _, s := range r.Sets {
			for _, e := range s.Elements {
				m[fmt.Sprintf("%s %#v", s.Name, e)] = true
			}
		}
		return m
	}
	was, will := held(a), held(b)
	anew := map[string]bool{}
	for _, op := range p.Ops {
		if op.Set == nil || op.Elements != nil || a.Set(op.Set.Name) == nil || b.Set(op.Set.Name) == nil {
			continue
		}
		anew[op.Set.Name] = true
		if size := a.Set(op.Set.Name).Size; size == 0 || len(b.Set(op.Set.Name).Elements) <= int(size) {
			t.Fatalf("the plan makes set %s anew, which has room for %d", op.Set.Name, size)
		}
	}
	for _, op := range p.Ops {
		for _, e := range op.Elements {
			if anew[op.Set.Name] {
				continue
			}
			if id := fmt.Sprintf("%s %#v", op.Set.Name, e); was[id] && will[id] {
				t.Fatalf("the plan touches element %s of %s, which stays", op.Set.ElementString(e), op.Set.Name)
			}
		}
	}
}

func formatted(p nft.Plan) string {
	var b bytes.Buffer
	p.Format(&b)
	return b.String()
}

// TestPlanFormat holds the whole text of the plan that leads from one policy of an archive
// to the next, and what it counts.
func TestPlanFormat(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, input []golden.File) []golden.File {
		var live *nft.Ruleset
		var out bytes.Buffer
		for _, f := range input {
			if f.Name == "none" {
				continue
			}
			want := compile(t, string(f.Data))
			if want == nil {
				t.Fatalf("%s is invalid", f.Name)
			}
			p := diff(live, want)
			rules, elements := p.Counts()
			fmt.Fprintf(&out, "%s: rules +%d -%d, elements +%d -%d\n", f.Name, rules.Add, rules.Delete, elements.Add, elements.Delete)
			p.Format(&out)
			live = want
		}
		return []golden.File{{Name: "want", Data: out.Bytes()}}
	})
}

const small = `version: 1
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
`

// What cannot be changed in place makes the table anew, in the same transaction, and says why.
func TestReplace(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(r *nft.Ruleset)
		whole  nft.Whole
		reason string
	}{
		{"another comment", func(r *nft.Ruleset) { r.Comment = "" }, nft.Replace, "it was not made by this version of snatctl"},
		{"another key", func(r *nft.Ruleset) { r.Set("zones4").Key = nil }, nft.Replace, "zones4 is declared differently"},
		{"other data", func(r *nft.Ruleset) { r.Set("zones4").Data = nft.Addr4 }, nft.Replace, "zones4 is declared differently"},
		{"no ranges", func(r *nft.Ruleset) { r.Set("zones4").Interval = false }, nft.Replace, "zones4 is declared differently"},
		{"counters", func(r *nft.Ruleset) { r.Set("zones4").Counter = false }, nft.Replace, "zones4 is declared differently"},
		{"another priority", func(r *nft.Ruleset) { r.Chain("postrouting").Hook.Priority++ }, nft.Replace, "chain postrouting is hooked differently"},
		{"no hook", func(r *nft.Ruleset) { r.Chain("postrouting").Hook = nil }, nft.Replace, "chain postrouting is hooked differently"},
		{"a hook", func(r *nft.Ruleset) { r.Chain("zones").Hook = &nft.Hook{} }, nft.Replace, "chain zones is hooked differently"},
		{"an object", func(r *nft.Ruleset) { r.Others = []string{"object x"} }, nft.Replace, "it holds object x, which snatctl did not make"},
		{"dormant", func(r *nft.Ruleset) { r.Dormant = true }, nft.Wake, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			live, want := compile(t, small), compile(t, small)
			c.spoil(live)
			p := diff(live, want)
			if p.Whole != c.whole || p.Reason != c.reason || p.Empty() {
				t.Errorf("the plan is %d for %q, want %d for %q", p.Whole, p.Reason, c.whole, c.reason)
			}
			k := &kernel{live}
			if err := k.apply(p); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(canonical(want), canonical(k.table)); d != "" {
				t.Errorf("the plan leads elsewhere (-want +got):\n%s", d)
			}
		})
	}
}

// Rules keep their order: from the first that differs on, all are made anew.
func TestDiffOfRules(t *testing.T) {
	rules := func(names ...string) *nft.Ruleset {
		c := &nft.Chain{Name: "c"}
		for i, n := range names {
			form, comment, _ := strings.Cut(n, "#")
			c.Rules = append(c.Rules, nft.Rule{Form: form, Comment: comment, Handle: uint64(i + 1)})
		}
		return &nft.Ruleset{Table: "t", Chains: []*nft.Chain{c}}
	}
	for _, c := range []struct {
		live, want *nft.Ruleset
		plan       string
	}{
		{rules("a", "b"), rules("a", "b"), ""},
		{rules("a", "b"), rules("a", "b", "c"), "+ rule c: c\n"},
		{rules("a", "b", "c"), rules("a", "b"), "- rule c: c\n"},
		{rules("a", "b"), rules("b", "a"), "- rule c: a\n- rule c: b\n+ rule c: b\n+ rule c: a\n"},
		{rules("a", "c"), rules("a", "b", "c"), "- rule c: c\n+ rule c: b\n+ rule c: c\n"},
		{rules("a#x"), rules("a#y"), "- rule c: a\n+ rule c: a\n"},
		{rules(), rules(), ""},
	} {
		if got := formatted(diff(c.live, c.want)); got != c.plan {
			t.Errorf("the plan is\n%s\nwant\n%s", got, c.plan)
		}
	}
}

// diff compares rulesets whose rules have forms already.
func diff(live, want *nft.Ruleset) nft.Plan {
	formed, err := nft.Forms(want, func(nft.Rule, func(string) bool) (string, error) { return "", nil })
	if err != nil {
		panic(err)
	}
	return nft.Diff(live, formed)
}
