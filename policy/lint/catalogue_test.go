package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestCatalogue holds that the catalogue is whole: codes are there once and in order, and each
// rule says what it is about.
func TestCatalogue(t *testing.T) {
	rules := Rules()
	for i, r := range rules {
		if i > 0 && rules[i-1].Code >= r.Code {
			t.Errorf("%s stands behind %s", r.Code, rules[i-1].Code)
		}
		if !strings.HasSuffix(r.Title, ".") || r.Severity == "" {
			t.Errorf("%s has no title or no severity", r.Code)
		}
		if got, ok := Lookup(r.Code); !ok || got.Title != r.Title {
			t.Errorf("Lookup(%q) gives %q, %v", r.Code, got.Title, ok)
		}
		if shown := r.Bad != "" && r.Good != ""; r.Why == "" || !shown && r.Code != "F01" && r.Code != "S19" {
			t.Errorf("%s lacks a reason, or policy/lint/examples/%[1]s.txtar with bad.yaml and good.yaml", r.Code)
		}
		if r.Live && r.check != nil {
			t.Errorf("%s needs a host and has an offline check", r.Code)
		}
	}
	for _, c := range policy.Codes() {
		if r, ok := Lookup(c.Code); !ok || r.Severity != policy.Error || r.check != nil {
			t.Errorf("%s, which policy refuses, stands in the catalogue as %+v", c.Code, r)
		}
	}
	if _, ok := Lookup("Z99"); ok {
		t.Error("there is a rule Z99")
	}
}

// TestExamples lints the examples of every rule that needs no host: the bad one breaks this
// rule alone, the good one none.
func TestExamples(t *testing.T) {
	for _, r := range Rules() {
		if r.Live || r.Bad == "" && r.Good == "" {
			continue
		}
		t.Run(r.Code, func(t *testing.T) {
			if got := lint(t, r.Bad, r.Strict); len(got) == 0 || slices.ContainsFunc(got, func(d policy.Diagnostic) bool { return d.Code != r.Code || d.Severity != r.Severity }) {
				t.Errorf("the bad example gives\n%v", got.Error())
			}
			if got := lint(t, r.Good, r.Strict); len(got) > 0 {
				t.Errorf("the good example gives\n%v", got.Error())
			}
		})
	}
}

// lint returns all that is found in a policy of one file.
func lint(t *testing.T, text string, strict bool) policy.Diagnostics {
	t.Helper()
	srcs := []policy.Source{{Name: "policy.yaml", Data: []byte(text)}}
	ds := lintSources(srcs, strict)
	checkPositions(t, srcs, ds)
	return ds
}

func lintSources(srcs []policy.Source, strict bool) policy.Diagnostics {
	p, ds := read.Parse(srcs)
	switch {
	case p == nil:
	case strict:
		ds = append(ds, CheckStrict(p)...)
	default:
		ds = append(ds, Check(p)...)
	}
	return Apply(ds, srcs, Ran{Strict: strict})
}
