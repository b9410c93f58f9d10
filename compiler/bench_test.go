package compiler

import (
	"math/rand/v2"
	"testing"

	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

func mustParse(t testing.TB, text []byte) *policy.Policy {
	t.Helper()
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}})
	if p == nil {
		t.Fatal(ds)
	}
	return p
}

func mustCompile(t testing.TB, p *policy.Policy) *nft.Ruleset {
	t.Helper()
	r, ds := Compile(p)
	if r == nil {
		t.Fatal(ds)
	}
	return r
}

func BenchmarkCompile30kServices(b *testing.B) {
	p := mustParse(b, sample.Services(30000, 4))
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, p)
	}
}

func BenchmarkCompile10kZones(b *testing.B) {
	p := mustParse(b, sample.Zones(10000))
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, p)
	}
}

func BenchmarkDiffUnchanged30kServices(b *testing.B) {
	p := mustParse(b, sample.Services(30000, 4))
	live, want := mustCompile(b, p), mustCompile(b, p)
	formed(live)
	with := formed(want)
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range live.Sets { // a kernel lists them in the order of its hashes
		r.Shuffle(len(s.Elements), func(i, j int) { s.Elements[i], s.Elements[j] = s.Elements[j], s.Elements[i] })
	}
	b.ReportAllocs()
	for b.Loop() {
		if plan := nft.Diff(live, with); !plan.Empty() {
			b.Fatal("equal rulesets differ")
		}
	}
}

// BenchmarkDiffNew30kServices is all that an apply from nothing compares.
func BenchmarkDiffNew30kServices(b *testing.B) {
	p := mustParse(b, sample.Services(30000, 4))
	want := mustCompile(b, p)
	b.ReportAllocs()
	for b.Loop() {
		for _, c := range want.Chains {
			for i := range c.Rules {
				c.Rules[i].Form = ""
			}
		}
		if plan := nft.Diff(nil, formed(want)); plan.Empty() {
			b.Fatal("nothing is to be made")
		}
	}
}
