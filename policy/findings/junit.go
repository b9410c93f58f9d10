package findings

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// The elements of JUnit's report that GitLab and Jenkins read: a suite is a file, a case one
// rule in it.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Failure *junitOutcome `xml:"failure"`
		Skipped *junitOutcome `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes a suite for every file, with a case for every rule that found something there.
// Cases fail where the run does; else they pass and show what was found. Those whose findings
// are all suppressed are skipped. A file without findings has one case, which passes.
func (r *Report) JUnit(w io.Writer) error {
	byFile := map[string]map[string][]Finding{}
	for _, f := range r.Findings {
		if byFile[f.Pos.File] == nil {
			byFile[f.Pos.File] = map[string][]Finding{}
		}
		byFile[f.Pos.File][f.Code] = append(byFile[f.Pos.File][f.Code], f)
	}
	report := junitReport{Name: "snatctl lint"}
	for _, file := range r.files() {
		suite := junitSuite{Name: file}
		for _, code := range slices.Sorted(maps.Keys(byFile[file])) {
			suite.Cases = append(suite.Cases, r.junitCase(file, code, byFile[file][code]))
		}
		if len(suite.Cases) == 0 {
			suite.Cases = []junitCase{{Name: "no findings", Class: file, File: file}}
		}
		for _, c := range suite.Cases {
			suite.Tests++
			if c.Failure != nil {
				suite.Failures++
			}
			if c.Skipped != nil {
				suite.Skipped++
			}
		}
		report.Tests += suite.Tests
		report.Failures += suite.Failures
		report.Skipped += suite.Skipped
		report.Suites = append(report.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// junitCase is what one rule found in a file.
func (r *Report) junitCase(file, code string, found []Finding) junitCase {
	c := junitCase{Name: code, Class: file, File: file}
	if rule, ok := r.rule(code); ok {
		c.Name += ": " + strings.TrimSuffix(rule.Title, ".")
	}
	var failing, open, suppressed []Finding
	for _, f := range found {
		switch {
		case r.Fails(f):
			failing = append(failing, f)
		case f.Suppression.Kind == "":
			open = append(open, f)
		default:
			suppressed = append(suppressed, f)
		}
	}
	switch {
	case len(failing) > 0:
		c.Failure = &junitOutcome{failing[0].Msg, string(failing[0].Severity), junitText(failing)}
	case len(open) == 0:
		c.Skipped = &junitOutcome{Message: suppressed[0].reason()}
	}
	if len(open) > 0 {
		c.Output = junitText(open)
	}
	return c
}

// reason tells people why a finding does not count.
func (f Finding) reason() string {
	if f.Suppression.Kind == External {
		return "accepted by the baseline"
	}
	return strings.TrimSuffix("ignored by a comment: "+f.Suppression.Reason, ": ")
}

func junitText(found []Finding) string {
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s%s: %s [%s]\n", f.place(), f.Severity, f.Msg, f.Code)
		if f.Hint != "" {
			fmt.Fprintf(&b, "hint: %s\n", f.Hint)
		}
	}
	return b.String()
}

// files returns the names of the sources in their order, and those that only findings name.
func (r *Report) files() (names []string) {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, s := range r.Sources {
		add(s.Name)
	}
	for _, f := range r.Findings {
		add(f.Pos.File)
	}
	return names
}
