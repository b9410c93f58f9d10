package findings

import (
	"cmp"
	"io"
	"net/url"
	"path"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	home        = "https://github.com/snatctl/snatctl"
	rulesPage   = home + "/blob/main/docs/lint.md"
	// root is what relative paths are relative to: the directory that snatctl ran in. Its own
	// place is left out, so that equal policies give equal logs (SARIF 2.1.0, 3.14.14).
	root = "%SRCROOT%"
)

// SARIF writes a log of version 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), as GitHub's code
// scanning and editors read it. Suppressed findings are in it and say so.
func (r *Report) SARIF(w io.Writer) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "snatctl", FullName: "snatctl lint", Version: r.Version, InformationURI: home}},
		ColumnKind:  "unicodeCodePoints",
		BaseIDs:     map[string]sarifBase{root: {sarifText{Text: "the directory that snatctl ran in"}}},
		Results:     []sarifResult{},
		Invocations: []sarifInvocation{{ExecutionSuccessful: true}},
	}
	index := map[string]int{}
	for i, rule := range r.Rules {
		index[rule.Code] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(rule))
	}
	texts, keyer, seen := newTexts(r.Sources), newKeyer(r.Sources), map[key]int{}
	for _, f := range r.Findings {
		k := keyer.of(f.Diagnostic)
		seen[k]++
		res := sarifResult{
			RuleID: f.Code, Level: sarifLevel(f.Severity), Message: sarifText{Text: sarifMessage(f)},
			Locations:    sarifLocations(f, texts),
			Fingerprints: map[string]string{"finding/v1": k.fingerprint(seen[k])},
		}
		if i, ok := index[f.Code]; ok {
			res.RuleIndex = &i
		}
		if f.Suppression.Kind != "" {
			res.Suppressions = []sarifSuppression{{f.Suppression.Kind, f.reason()}}
		}
		run.Results = append(run.Results, res)
	}
	return encode(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}}, "  ")
}

// sarifMessage is the message with the hint behind it: SARIF has no place of its own for
// hints that are no edits.
func sarifMessage(f Finding) string {
	if f.Hint == "" {
		return f.Msg
	}
	return f.Msg + "\nHint: " + f.Hint
}

// sarifLevel returns the level of a severity (SARIF 2.1.0, 3.27.10).
func sarifLevel(s policy.Severity) string {
	switch s {
	case policy.Error:
		return "error"
	case policy.Warning:
		return "warning"
	}
	return "note"
}

func sarifRuleOf(rule lint.Rule) sarifRule {
	why := cmp.Or(rule.Why, rule.Title)
	text, markdown := why, why
	if rule.Bad != "" {
		bad, good := strings.TrimLeft(rule.Bad, "\n"), strings.TrimLeft(rule.Good, "\n")
		text += "\n\nBad:\n\n" + bad + "\nGood:\n\n" + good
		markdown += "\n\nBad:\n\n```yaml\n" + bad + "```\n\nGood:\n\n```yaml\n" + good + "```\n"
	}
	out := sarifRule{
		ID: rule.Code, Name: sarifName(rule.Title), Short: sarifText{Text: rule.Title}, Full: sarifText{Text: why},
		Help:    sarifText{Text: text, Markdown: markdown},
		HelpURI: rulesPage + "#" + strings.ToLower(rule.Code), Default: sarifDefault{sarifLevel(rule.Severity)},
		Properties: sarifProperties{Tags: []string{"nat", "network"}, ProblemSeverity: problemSeverity(rule.Severity)},
	}
	if rule.Live {
		out.Properties.Tags = append(out.Properties.Tags, "live")
	}
	return out
}

// problemSeverity is what GitHub's code scanning filters by ("problem.severity": error,
// warning or recommendation).
func problemSeverity(s policy.Severity) string {
	if s == policy.Info {
		return "recommendation"
	}
	return string(s)
}

// sarifName makes an identifier of a title, as SARIF wants names of rules (3.49.7): "A zone can
// never match" is AZoneCanNeverMatch.
func sarifName(title string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(title, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func sarifLocations(f Finding, texts *texts) []sarifLocation {
	if f.Pos.File == "" {
		return nil
	}
	at := sarifPhysical{Artifact: sarifArtifact{URI: (&url.URL{Path: path.Clean(f.Pos.File)}).String(), BaseID: root}}
	if path.IsAbs(f.Pos.File) {
		at.Artifact = sarifArtifact{URI: (&url.URL{Scheme: "file", Path: path.Clean(f.Pos.File)}).String()}
	}
	if reg, ok := texts.region(f.Pos); ok {
		at.Region = &sarifRegion{f.Pos.Line, reg.Start, reg.End, sarifText{Text: reg.text()}}
	}
	loc := sarifLocation{Physical: at}
	if f.Object != "" {
		loc.Logical = []sarifLogical{{f.Object}}
	}
	return []sarifLocation{loc}
}
