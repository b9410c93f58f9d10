package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
	"github.com/snatctl/snatctl/policy/read"
)

// TestReference makes docs/lint.md of the catalogue; -update writes it.
func TestReference(t *testing.T) {
	golden.Text(t, "../../docs/lint.md", reference())
}

const referenceHead = `# Lint rules

This page is made from the catalogue that ` + "`snatctl lint`" + ` works by (` + "`policy/lint`" + `, and for what the
compiler refuses ` + "`cmd/snatctl/lint_compiler.go`" + `). Do not edit it: change the catalogue and run ` + "`make golden`" + `.

**Errors** keep a policy from being applied: ` + "`apply`" + ` and ` + "`lint`" + ` report the same; those about a host keep it from working there. **Warnings** are about what is valid and
still goes wrong in operation, **infos** about what somebody should know. Rules marked *host* compare the policy with the machine
and need ` + "`--live`" + `, a rule marked *strict* needs ` + "`--strict`" + `; all others need the policy alone. Codes are stable: a code never
changes its meaning.

## Ignoring a finding

A finding may be meant. Then a comment says so, with a reason:

` + "```yaml" + `
    real_servers: 192.168.1.1 # snatctl:ignore S15 the test site has no second server
` + "```" + `

* Behind a value it holds for its line. Alone on a line it holds for the next line that is no comment and what is indented below
  that: above a zone, for all of the zone. Above the first key of a file it holds for the whole file.
* Several codes have commas between them: ` + "`# snatctl:ignore Z06,P12 reason`" + `.
* A comment without a reason ignores nothing (I01). One that ignores nothing is a finding itself (I02), and so is an unknown code (I03).
* Errors cannot be ignored, neither by ` + "`apply`" + ` nor by ` + "`lint`" + `.

`

var kinds = []struct{ letter, title string }{
	{"Z", "Zones"}, {"P", "Pools"}, {"S", "Services"}, {"A", "Health checks"}, {"H", "Host"}, {"C", "Conntrack"}, {"F", "Files and fleets"}, {"G", "Gateway"},
	{"N", "Names and form"}, {"T", "Tests"}, {"I", "Ignores"}, {"K", "Limits of the table"}, {"R", "Timeouts"}, {"X", "Helpers"}, {"U", "Uplinks"}, {"L", "Limits"}, {"B", "Clients' addresses"},
}

func reference() []byte {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	rules := catalogue()
	b.WriteString("## Overview\n\n| code | | needs | what |\n|---|---|---|---|\n")
	for _, kind := range kinds {
		for _, r := range rules {
			if strings.HasPrefix(r.Code, kind.letter) {
				fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", r.Code, strings.ToLower(r.Code), r.Severity, needs(r), r.Title)
			}
		}
	}
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n## %s\n", kind.title)
		for _, r := range rules {
			if strings.HasPrefix(r.Code, kind.letter) {
				entry(&b, r)
			}
		}
	}
	return b.Bytes()
}

// TestExamplesHaveRules: an archive that is misnamed shows nothing.
func TestExamplesHaveRules(t *testing.T) {
	paths, err := filepath.Glob("../../policy/lint/examples/*")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, path := range paths {
		code := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if !slices.ContainsFunc(catalogue(), func(r lint.Rule) bool { return r.Code == code && r.Bad != "" && r.Good != "" }) {
			t.Errorf("%s is the example of no rule, or has no bad.yaml or good.yaml", path)
		}
	}
}

// TestReferenceIsWhole: a rule of a kind that the page does not list would be missing there.
func TestReferenceIsWhole(t *testing.T) {
	page := string(reference())
	for _, r := range catalogue() {
		if !strings.Contains(page, "\n### "+r.Code+"\n") {
			t.Errorf("docs/lint.md lacks %s", r.Code)
		}
	}
}

func needs(r lint.Rule) string {
	switch {
	case r.Live:
		return "host"
	case r.Strict:
		return "strict"
	}
	return ""
}

// entry writes all that the catalogue says about a rule.
func entry(b *bytes.Buffer, r lint.Rule) {
	fmt.Fprintf(b, "\n### %s\n\n**%s** (%s)\n", r.Code, r.Title, r.Severity)
	if r.Why != "" {
		fmt.Fprintf(b, "\n%s\n", r.Why)
	}
	if r.Bad != "" {
		fmt.Fprintf(b, "\nBad:\n\n```yaml\n%s```\n", r.Bad)
		if first, ok := firstFinding(r); ok {
			fmt.Fprintf(b, "\n> %s\n", first)
		}
	}
	if r.Good != "" {
		fmt.Fprintf(b, "\nGood:\n\n```yaml\n%s```\n", r.Good)
	}
}

// firstFinding returns what is said about the bad example of a rule that needs no host.
func firstFinding(r lint.Rule) (string, bool) {
	srcs := []policy.Source{{Name: "policy.yaml", Data: []byte(r.Bad)}}
	p, ds := read.Parse(srcs)
	if p != nil {
		look := lint.Check
		if r.Strict {
			look = lint.CheckStrict
		}
		_, refused := compiler.Compile(p)
		ds = append(append(ds, refused...), look(p)...)
	}
	ds = lint.Apply(ds, srcs, lint.Ran{Strict: r.Strict})
	if r.Live || len(ds) == 0 {
		return "", false
	}
	return ds[0].String(), true
}
