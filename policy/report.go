package policy

import (
	"fmt"
	"slices"
	"strings"
)

// maxDiagnostics is how many findings are told one by one.
const maxDiagnostics = 10_000

// Report collects the findings of one run. The zero value is ready for use.
type Report struct {
	found  Diagnostics
	untold int // errors beyond maxDiagnostics
}

// Add takes a finding. Its message is brought to one line of bounded length.
func (r *Report) Add(d Diagnostic) {
	switch {
	case len(r.found) < maxDiagnostics:
		d.Msg = oneLine(d.Msg)
		r.found = append(r.found, d)
	case d.Severity == Error:
		r.untold++
	}
}

// Object is what a finding is about. It becomes text only where there is a finding.
type Object struct{ Kind, Name string }

// String returns "zone office", or the kind alone where there is no name.
func (o Object) String() string { return strings.TrimSpace(o.Kind + " " + o.Name) }

// Fault adds an error about an object, whose name comes before the message.
func (r *Report) Fault(at Pos, code string, about Object, hint, format string, args ...any) {
	object := about.String()
	r.Add(Diagnostic{
		Pos: at, Severity: Error, Code: code, Object: object, Hint: hint,
		Msg: object + ": " + fmt.Sprintf(format, args...),
	})
}

// Err returns the findings as an error if one of them is an error, else nil.
func (r *Report) Err() error { return r.found.Err() }

// Diagnostics returns what was found, sorted, each finding once. Behind more errors than are
// told one by one comes how many there are.
func (r *Report) Diagnostics() Diagnostics {
	r.found.Sort()
	r.found = slices.CompactFunc(r.found, func(a, b Diagnostic) bool { return a == b })
	if r.untold == 0 {
		return r.found
	}
	return append(r.found, Diagnostic{
		Pos: Pos{File: r.found[len(r.found)-1].Pos.File}, Severity: Error, Code: "N03",
		Msg: fmt.Sprintf("and %d more errors", r.untold), Hint: "correct these first",
	})
}

// oneLine keeps a message on its line, whatever it quotes, and its length bounded.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}
