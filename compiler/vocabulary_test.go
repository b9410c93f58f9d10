package compiler

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// fixedChains are those that every table has, or may have, under the same name.
var fixedChains = []string{layout.ChainPrerouting.String(), layout.ChainOutput.String(), layout.ChainServices.String(), layout.ChainForward.String(), layout.ChainRefuse.String(), layout.ChainRefused.String(),
	layout.ChainOffload.String(), layout.ChainPostrouting.String(), layout.ChainFullNAT.String(), layout.ChainZones.String(), layout.ChainMasquerade.String()}

// Every rule that a policy brings into the fixed chains is known to the vocabulary, so that a
// diff can spell it when it goes. Interfaces by prefix are the one exception: they have no end.
func TestVocabularyKnowsAllRules(t *testing.T) {
	known := map[string]string{}
	for _, c := range withForms(t, Vocabulary()).Chains {
		for _, r := range c.Rules {
			known[r.Form] = r.String()
		}
	}
	rules := 0
	for name, r := range compiledCases(t) {
		for _, c := range withForms(t, r).Chains {
			if !slices.Contains(fixedChains, c.Name) {
				continue
			}
			for _, rule := range c.Rules {
				rules++
				if text, ok := known[rule.Form]; !ok && !byPrefix(rule) || ok && text != rule.String() {
					t.Errorf("%s, chain %s: the vocabulary spells\n%s\nas %q", name, c.Name, rule, text)
				}
			}
		}
	}
	if rules == 0 {
		t.Error("no case has a rule")
	}
}

func byPrefix(r nft.Rule) bool {
	return slices.ContainsFunc(r.Stmts, func(s nft.Stmt) bool { _, ok := s.(nft.OIfIs); return ok })
}

// Recognize gives a ruleset as the kernel returns it, with forms alone, its words back.
func TestRecognize(t *testing.T) {
	vocabulary := withForms(t, Vocabulary())
	for name, r := range compiledCases(t) {
		withForms(t, r)
		read := &nft.Ruleset{Table: r.Table}
		for _, c := range r.Chains {
			bare := &nft.Chain{Name: c.Name}
			for _, rule := range c.Rules {
				bare.Rules = append(bare.Rules, nft.Rule{Form: rule.Form, Comment: rule.Comment})
			}
			read.Chains = append(read.Chains, bare)
		}
		read.Recognize(formed(vocabulary))
		read.Recognize(formed(r))
		for i, c := range read.Chains {
			for n, rule := range c.Rules {
				if want := r.Chains[i].Rules[n].String(); rule.String() != want {
					t.Errorf("%s, chain %s: a rule is recognized as %q, want %q", name, c.Name, rule, want)
				}
			}
		}
	}
}

func withForms(t *testing.T, r *nft.Ruleset) *nft.Ruleset {
	t.Helper()
	formed(r)
	return r
}

// formed gives a ruleset its forms.
func formed(r *nft.Ruleset) nft.Formed {
	f, err := wire.Forms(r)
	if err != nil {
		panic(err)
	}
	return f
}

// compiledCases returns the rulesets of the golden cases that compile, by file name.
func compiledCases(t *testing.T) map[string]*nft.Ruleset {
	t.Helper()
	paths, err := filepath.Glob(compileCases)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*nft.Ruleset{}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p, ds := read.Parse([]policy.Source{policy.Source(archive.Files[0])})
		if p == nil {
			t.Fatalf("%s: %v", path, ds)
		}
		if r, _ := Compile(p); r != nil {
			out[path] = r
		}
	}
	if len(out) == 0 {
		t.Fatalf("no case of %s compiles", compileCases)
	}
	return out
}
