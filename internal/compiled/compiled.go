// Package compiled makes policies and tables of text, for tests that are not about that.
package compiled

import (
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Policy reads a policy, which must be valid; one of several nodes is that of the first.
func Policy(t testing.TB, text []byte) *policy.Policy {
	t.Helper()
	p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: text}})
	if p == nil {
		t.Fatal(ds)
	}
	if p.Everywhere() {
		p, _ = p.At(p.Nodes[0].Name)
	}
	return p
}

// Ruleset compiles a policy, which must be possible.
func Ruleset(t testing.TB, p *policy.Policy) *nft.Ruleset {
	t.Helper()
	r, ds := compiler.Compile(p)
	if r == nil {
		t.Fatal(ds)
	}
	return r
}

// Table is the ruleset of a policy's text.
func Table(t testing.TB, text []byte) *nft.Ruleset {
	t.Helper()
	return Ruleset(t, Policy(t, text))
}
