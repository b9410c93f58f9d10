package findings

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/policy"
)

func warning(file string, line int, msg string) Finding {
	return Finding{Diagnostic: policy.Diagnostic{Pos: policy.Pos{File: file, Line: line, Col: 3}, Severity: policy.Warning, Code: "Z04", Object: "zone a", Msg: msg}}
}

// TestBaselineSurvivesMoves writes a baseline, moves every line, and accepts all; one finding
// more of the same kind is open.
func TestBaselineSurvivesMoves(t *testing.T) {
	sources := []policy.Source{{Name: "p.yaml"}}
	before := Report{Sources: sources, Findings: []Finding{warning("p.yaml", 3, "as at p.yaml:9:1"), warning("p.yaml", 5, "as at p.yaml:9:1"), warning("p.yaml", 7, "2001:db8:1:2 is used")}}
	var file bytes.Buffer
	if _, err := before.Baseline().WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	want := `{
  "version": 1,
  "findings": [
    {
      "file": "p.yaml",
      "code": "Z04",
      "object": "zone a",
      "message": "2001:db8:1:2 is used",
      "count": 1
    },
    {
      "file": "p.yaml",
      "code": "Z04",
      "object": "zone a",
      "message": "as at p.yaml",
      "count": 2
    }
  ]
}
`
	if diff := cmp.Diff(want, file.String()); diff != "" {
		t.Error(diff)
	}
	b, err := ParseBaseline(file.Bytes())
	if err != nil || b.Len() != 3 {
		t.Fatalf("read back: %d, %v", b.Len(), err)
	}
	moved := []Finding{warning("./p.yaml", 30, "as at ./p.yaml:90:1"), warning("./p.yaml", 50, "as at ./p.yaml:90:1"), warning("./p.yaml", 70, "2001:db8:1:2 is used")}
	after := Report{Sources: []policy.Source{{Name: "./p.yaml"}}, Strict: true, Findings: slices.Clone(moved)}
	if gone := after.Accept(b); len(gone) > 0 || after.Failed() {
		t.Errorf("after the move %v is gone, open is %v", gone, after.Open())
	}
	after.Findings = append(moved, warning("./p.yaml", 80, "2001:db8:1:2 is used"))
	after.Accept(b)
	if open := after.Open(); len(open) != 1 || open[0].Pos.Line != 80 {
		t.Errorf("open is %v", open)
	}
}

// TestBaselineGone names what is no longer found.
func TestBaselineGone(t *testing.T) {
	before := Report{Findings: []Finding{warning("p.yaml", 3, "one"), warning("p.yaml", 4, "two"), warning("p.yaml", 5, "two")}}
	after := Report{Findings: []Finding{warning("p.yaml", 4, "two")}}
	gone := after.Accept(before.Baseline())
	want := []string{"p.yaml: one [Z04] is no longer found (1 of 1)", "p.yaml: two [Z04] is no longer found (1 of 2)"}
	if diff := cmp.Diff(want, gone); diff != "" {
		t.Error(diff)
	}
}

// TestBaselineErrors: what is no baseline is refused, and says how to get one.
func TestBaselineErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "not a baseline",
		"[]":                              "--write-baseline",
		`{"version": 1, "bogus": []}`:     "bogus",
		`{"version": 2, "findings": []}`:  "version 2",
		`{"version": 1, "findings": []}x`: "follows",
		`{"version": 1, "findings": [{"file":"f","code":"Z04","object":"","message":"m","count":0}]}`: "count 0",
	} {
		if _, err := ParseBaseline([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestFingerprints: equal findings differ by their number, and lines do not matter.
func TestFingerprints(t *testing.T) {
	r := Report{Sources: []policy.Source{{Name: "p.yaml"}}}
	k := newKeyer(r.Sources)
	a, b := k.of(warning("p.yaml", 3, "as at p.yaml:9:1").Diagnostic), k.of(warning("p.yaml", 4, "as at p.yaml:8:7").Diagnostic)
	if a.fingerprint(1) != b.fingerprint(1) || a.fingerprint(1) == a.fingerprint(2) {
		t.Errorf("%s, %s, %s", a.fingerprint(1), b.fingerprint(1), a.fingerprint(2))
	}
	if c := k.of(warning("p.yaml", 3, "another").Diagnostic); c.fingerprint(1) == a.fingerprint(1) {
		t.Error("two messages have one fingerprint")
	}
}
