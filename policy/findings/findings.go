// Package findings writes what lint found in the forms that people and CI systems read: text
// with the source line, JSON, SARIF, GitHub annotations, JUnit. It also has baselines:
// findings that were accepted earlier.
//
// The package is pure: it is given the sources and writes to what it is given.
package findings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// Finding is a diagnostic, and why it does not count if it does not.
type Finding struct {
	policy.Diagnostic
	Suppression Suppression
}

// Suppression says why a finding does not count. The zero value: it does.
type Suppression struct {
	Kind   Kind
	Reason string // what the operator wrote; may be empty
}

// Kind is where a finding was suppressed, in SARIF's words (SARIF 2.1.0, 3.35.2).
type Kind string

// The kinds of suppression. The zero value is none.
const (
	InSource Kind = "inSource" // by a comment in the policy
	External Kind = "external" // by a baseline
)

// Report is what one run found.
type Report struct {
	Findings []Finding       // sorted by Sort
	Sources  []policy.Source // all files, those without findings too
	Rules    []lint.Rule     // the catalogue
	Strict   bool            // warnings count
	Version  string          // of snatctl
}

// Sort orders the findings by file, line, column, code and message.
func (r *Report) Sort() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Msg, b.Msg))
	})
}

// Open returns the findings that nothing suppresses.
func (r *Report) Open() []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return f.Suppression.Kind != "" })
}

// place returns a finding's place, with ": " behind it; empty for what has no place.
func (f Finding) place() string {
	if f.Pos.File == "" {
		return ""
	}
	return f.Pos.String() + ": "
}

// Fails tells whether a finding makes the run fail: an error does, a warning where the run is
// strict, an info never.
func (r *Report) Fails(f Finding) bool {
	return f.Suppression.Kind == "" && (f.Severity == policy.Error || f.Severity == policy.Warning && r.Strict)
}

// Failed tells whether the run fails.
func (r *Report) Failed() bool { return slices.ContainsFunc(r.Findings, r.Fails) }

// rule returns the rule of a code, and whether the catalogue has it.
func (r *Report) rule(code string) (lint.Rule, bool) {
	i := slices.IndexFunc(r.Rules, func(rule lint.Rule) bool { return rule.Code == code })
	if i < 0 {
		return lint.Rule{}, false
	}
	return r.Rules[i], true
}

// Summary returns one line: how much was found and where, and how much was suppressed.
func (r *Report) Summary() string {
	bySeverity, byKind := map[policy.Severity]int{}, map[Kind]int{}
	for _, f := range r.Findings {
		if f.Suppression.Kind == "" {
			bySeverity[f.Severity]++
		} else {
			byKind[f.Suppression.Kind]++
		}
	}
	var parts []string
	for _, s := range []policy.Severity{policy.Error, policy.Warning, policy.Info} {
		if n := bySeverity[s]; n > 0 {
			parts = append(parts, plain.Count(n, string(s)))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no findings"}
	}
	line := strings.Join(parts, ", ") + " in " + plain.Count(len(r.Sources), "file")
	if n := byKind[InSource]; n > 0 {
		line += fmt.Sprintf("; %d ignored by comments", n)
	}
	if n := byKind[External]; n > 0 {
		line += fmt.Sprintf("; %d accepted by the baseline", n)
	}
	return line
}
