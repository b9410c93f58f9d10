package main

import (
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestCompilerRules: the bad example breaks its rule alone, the good one compiles, and every
// rule says why.
func TestCompilerRules(t *testing.T) {
	for _, r := range compilerRules() {
		if r.Why == "" {
			t.Errorf("%s does not say why", r.Code)
		}
		if r.Bad == "" {
			continue
		}
		for text, want := range map[string]string{r.Bad: r.Code, r.Good: ""} {
			p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(text)}})
			if p == nil {
				t.Fatalf("%s: %v", r.Code, ds)
			}
			_, ds = compiler.Compile(p)
			if got := len(ds); want == "" && got > 0 || want != "" && (got != 1 || ds[0].Code != want) {
				t.Errorf("%s: want %q, got %v\n%s", r.Code, want, ds, text)
			}
		}
	}
}

// TestCatalogue: a code stands there once.
func TestCatalogue(t *testing.T) {
	rules := catalogue()
	for i, r := range rules {
		if i > 0 && rules[i-1].Code >= r.Code {
			t.Errorf("%s stands behind %s", r.Code, rules[i-1].Code)
		}
	}
}
