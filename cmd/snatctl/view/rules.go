package view

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// ruleRecord is a rule as JSON.
type ruleRecord struct {
	Code     string          `json:"code"`
	Severity policy.Severity `json:"severity"`
	Live     bool            `json:"live"`
	Strict   bool            `json:"strict"`
	Title    string          `json:"title"`
	Why      string          `json:"why"`
	Bad      string          `json:"bad"`
	Good     string          `json:"good"`
}

func recordOf(r lint.Rule) ruleRecord {
	return ruleRecord{r.Code, r.Severity, r.Live, r.Strict, r.Title, r.Why, r.Bad, r.Good}
}

// RulesJSON prints the catalogue of rules.
func RulesJSON(w io.Writer, rules []lint.Rule) error {
	list := make([]ruleRecord, len(rules))
	for i, r := range rules {
		list[i] = recordOf(r)
	}
	return JSON(w, list)
}

// Rules prints it as a table.
func Rules(w io.Writer, rules []lint.Rule) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CODE\tSEVERITY\tNEEDS\tWHAT")
	for _, r := range rules {
		needs := "policy"
		switch {
		case r.Live:
			needs = "--live"
		case r.Strict:
			needs = "--strict"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Code, r.Severity, needs, r.Title)
	}
	return t.Flush()
}

// RuleJSON prints one rule.
func RuleJSON(w io.Writer, r lint.Rule) error { return JSON(w, recordOf(r)) }

// Rule prints what a rule means, why it hurts, and its examples.
func Rule(w io.Writer, r lint.Rule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s: %s\n", r.Code, r.Severity, r.Title)
	if r.Why != "" {
		b.WriteString("\n" + wrap(r.Why, textWidth))
	}
	for _, e := range []struct{ title, text string }{{"Bad", r.Bad}, {"Good", r.Good}} {
		if e.text == "" {
			continue
		}
		fmt.Fprintf(&b, "\n%s:\n\n", e.title)
		for line := range strings.Lines(e.text) {
			b.WriteString("    " + line)
		}
	}
	switch {
	case r.Live:
		b.WriteString("\nNeeds the host: looked for with --live.\n")
	case r.Strict:
		b.WriteString("\nLooked for with --strict.\n")
	case r.Severity == policy.Error:
		b.WriteString("\nAn error: apply refuses the policy, and no comment ignores it.\n")
	}
	if r.Severity != policy.Error {
		fmt.Fprintf(&b, "\nIf it is meant, say why, on the line or the line above:\n\n    # snatctl:ignore %s REASON\n", r.Code)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// textWidth is the columns that explanations are wrapped at.
const textWidth = 92

// wrap breaks a paragraph into lines of some width; longer words stay whole.
func wrap(text string, width int) string {
	var b strings.Builder
	col := 0
	for _, word := range strings.Fields(text) {
		switch n := len([]rune(word)); {
		case col == 0:
			col = n
		case col+1+n > width:
			b.WriteString("\n")
			col = n
		default:
			b.WriteString(" ")
			col += 1 + n
		}
		b.WriteString(word)
	}
	return b.String() + "\n"
}
