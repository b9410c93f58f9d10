package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// ignoreWord begins a comment that ignores findings: "# snatctl:ignore Z04,P12 reason".
const ignoreWord = "snatctl:ignore"

// Ignore is a comment that says that a finding is meant. Behind a value it holds for its own
// line, alone on a line for the next line that is no comment, and above a file's first key
// for the whole file.
type Ignore struct {
	Pos    policy.Pos
	Codes  []string
	Reason string // empty: none was given, and it ignores nothing (I01)
	Line   int    // that it holds for; 0: the whole file
}

// Ignores returns the ignoring comments of a file, in their order.
func Ignores(src policy.Source) []Ignore {
	comments := policy.Comments(src, ignoreWord)
	if len(comments) == 0 {
		return nil
	}
	lines := policy.Lines(src)
	first := nextText(lines, 0)
	var out []Ignore
	for _, c := range comments {
		codes, reason, _ := strings.Cut(c.Text, " ")
		ig := Ignore{Pos: c.Pos, Reason: strings.TrimSpace(reason), Line: c.Pos.Line}
		if codes != "" {
			ig.Codes = strings.Split(codes, ",")
		}
		if c.Alone {
			ig.Line = nextText(lines, c.Pos.Line)
			if ig.Line == first {
				ig.Line = 0
			}
		}
		out = append(out, ig)
	}
	return out
}

// nextText returns the number of the first line behind a line that holds more than a comment.
func nextText(lines []string, line int) int {
	for ; line < len(lines); line++ {
		if text := strings.TrimSpace(lines[line]); text != "" && text[0] != '#' && text != "---" {
			break
		}
	}
	return line + 1
}

// Ran says which rules were applied beside the usual ones: what they would have found, a
// comment may ignore although nothing was found.
type Ran struct{ Strict, Host bool }

// Ignored is a finding that a comment ignores.
type Ignored struct {
	policy.Diagnostic
	Reason string // as the comment gives it
}

// Apply is Split for those who do not ask what was ignored.
func Apply(found policy.Diagnostics, srcs []policy.Source, ran Ran) policy.Diagnostics {
	open, _ := Split(found, srcs, ran)
	return open
}

// Split takes from the findings those that comments of the sources ignore, and adds what is
// wrong with the comments: no reason (I01), nothing to ignore (I02), an unknown code (I03).
// Errors stay: a policy that breaks a rule is refused whatever its comments say. What
// remains is sorted by place.
func Split(found policy.Diagnostics, srcs []policy.Source, ran Ran) (open policy.Diagnostics, ignored []Ignored) {
	invalid := found.Err() != nil // a policy with errors was not linted any further
	type place struct {
		file string
		line int
		code string
	}
	used := make(map[place]bool) // comments that ignore, and whether they ignored something
	reasons := make(map[place]string)
	var ignores []Ignore
	for _, src := range srcs {
		for _, ig := range Ignores(src) {
			ignores = append(ignores, ig)
			for _, code := range ig.Codes {
				if ig.Reason != "" {
					used[place{src.Name, ig.Line, code}] = false
					reasons[place{src.Name, ig.Line, code}] = ig.Reason
				}
			}
		}
	}
	if len(ignores) == 0 {
		return found, nil
	}
	open = slices.DeleteFunc(slices.Clone(found), func(d policy.Diagnostic) bool {
		meant := false
		for _, at := range []place{{d.Pos.File, d.Pos.Line, d.Code}, {d.Pos.File, 0, d.Code}} {
			if _, ok := used[at]; ok && d.Severity != policy.Error {
				if !meant {
					ignored = append(ignored, Ignored{d, reasons[at]})
				}
				used[at], meant = true, true
			}
		}
		return meant
	})
	rules := make(map[string]Rule)
	for _, r := range Rules() {
		rules[r.Code] = r
	}
	for _, ig := range ignores {
		open = append(open, ig.faults(rules, func(r Rule) bool {
			return used[place{ig.Pos.File, ig.Line, r.Code}] || invalid || r.Strict && !ran.Strict || r.live != nil && !ran.Host || r.Live && !ran.Host
		})...)
	}
	open.Sort()
	return slices.Compact(open), ignored
}

// faults returns what is wrong with a comment. Useful tells whether it ignored a rule's
// findings, or may have: the rule was not applied.
func (ig Ignore) faults(rules map[string]Rule, useful func(Rule) bool) (ds policy.Diagnostics) {
	report := func(code, hint, format string, args ...any) {
		ds = append(ds, policy.Diagnostic{Pos: ig.Pos, Severity: policy.Warning, Code: code, Object: "ignore",
			Msg: "ignore: " + fmt.Sprintf(format, args...), Hint: hint})
	}
	if ig.Reason == "" {
		report("I01", "write # "+ignoreWord+" "+cmp.Or(strings.Join(ig.Codes, ","), "CODE")+" and why it is meant",
			"the comment gives no reason, so it ignores nothing")
	}
	for _, code := range ig.Codes {
		rule, ok := rules[code]
		switch {
		case !ok:
			report("I03", "write the code that stands in brackets behind the finding; several with commas: Z04,P12", "there is no rule %q", shorten(code))
		case rule.Severity == policy.Error:
			report("I02", "correct the policy, and remove the comment", "%s is an error, which cannot be ignored", code)
		case ig.Reason != "" && !useful(rule):
			report("I02", "remove it, or move it to the line of the finding or the line above", "there is no finding %s here", code)
		}
	}
	return ds
}

// shorten keeps what is quoted on its line and short.
func shorten(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "..."
	}
	return s
}
