package policy

import (
	"cmp"
	"slices"
	"strings"
)

// Severity says how much a diagnostic matters.
type Severity string

// The severities. Only errors keep a policy from being applied.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Diagnostic is one finding in a policy.
type Diagnostic struct {
	Pos      Pos
	Severity Severity
	Code     string // stable: "N03", "Z01"; see docs/policy.md
	Object   string // "zone office", "service web"; empty where none is concerned
	Msg      string // what is wrong, one line, no full stop
	Hint     string // the way out; may be empty
}

// String returns "file:line:col: error: message [code]".
func (d Diagnostic) String() string {
	return d.Pos.String() + ": " + string(d.Severity) + ": " + d.Msg + " [" + d.Code + "]"
}

// Diagnostics is all findings of one run. Warnings travel beside values.
type Diagnostics []Diagnostic

// Sort orders the findings by file, line, column, code and message.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Msg, b.Msg))
	})
}

// Err returns the findings as an error if one of them is an error, else nil.
func (ds Diagnostics) Err() error {
	if ds.Errors() == 0 {
		return nil
	}
	return ds
}

// Errors returns how many of the findings are errors.
func (ds Diagnostics) Errors() (n int) {
	for _, d := range ds {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// Error returns one line a finding; hints follow the message in parentheses.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}
