package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

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
// remains, and what was ignored, is sorted by place.
func Split(found policy.Diagnostics, srcs []policy.Source, ran Ran) (open policy.Diagnostics, ignored []Ignored) {
	var comments []Ignore
	for _, src := range srcs {
		comments = append(comments, Ignores(src)...)
	}
	if len(comments) == 0 {
		return found, nil
	}
	sorted := slices.Clone(found)
	sorted.Sort()
	index := newReaches(comments)
	for _, d := range sorted {
		if r := index.find(d.Pos, d.Code); r != nil && d.Severity != policy.Error {
			r.used = true
			ignored = append(ignored, Ignored{d, comments[r.comment].Reason})
			continue
		}
		open = append(open, d)
	}
	rules := make(map[string]Rule)
	for _, r := range Rules() {
		rules[r.Code] = r
	}
	invalid := found.Err() != nil // a policy with errors was not linted any further
	for i, ig := range comments {
		open = append(open, ig.faults(rules, func(r Rule) bool {
			notApplied := invalid || r.Strict && !ran.Strict || (r.live != nil || r.Live) && !ran.Host
			return notApplied || index.used(i, r.Code)
		})...)
	}
	open.Sort()
	return slices.Compact(open), ignored
}

// subject is what a comment ignores in which file.
type subject struct{ file, code string }

// reach is a comment's lines, for one code.
type reach struct {
	Ignore
	comment int
	code    string
	used    bool
}

// reaches finds comments by place, for places that are asked for in order. Of comments that
// hold for a line the innermost counts: their lines nest, as what is indented does.
type reaches struct {
	waiting map[subject][]*reach // by their first line
	holding map[subject][]*reach // outermost first
	all     map[int][]*reach     // by comment
}

func newReaches(comments []Ignore) *reaches {
	rs := &reaches{map[subject][]*reach{}, map[subject][]*reach{}, map[int][]*reach{}}
	for i, ig := range comments {
		for _, code := range ig.Codes {
			if s := (subject{ig.Pos.File, code}); ig.Reason != "" {
				r := &reach{Ignore: ig, comment: i, code: code}
				rs.waiting[s] = append(rs.waiting[s], r)
				rs.all[i] = append(rs.all[i], r)
			}
		}
	}
	for _, waiting := range rs.waiting {
		slices.SortStableFunc(waiting, func(a, b *reach) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(b.Last, a.Last)) })
	}
	return rs
}

// find returns the comment that holds for a place and code, nil where none does.
func (rs *reaches) find(at policy.Pos, code string) *reach {
	s := subject{at.File, code}
	waiting, holding := rs.waiting[s], rs.holding[s]
	closeTo := func(line int) {
		for len(holding) > 0 && holding[len(holding)-1].Last < line {
			holding = holding[:len(holding)-1]
		}
	}
	for len(waiting) > 0 && waiting[0].First <= at.Line {
		closeTo(waiting[0].First)
		holding, waiting = append(holding, waiting[0]), waiting[1:]
	}
	closeTo(at.Line)
	rs.waiting[s], rs.holding[s] = waiting, holding
	if len(holding) == 0 {
		return nil
	}
	return holding[len(holding)-1]
}

// used tells whether a comment ignored a finding of a code.
func (rs *reaches) used(comment int, code string) bool {
	return slices.ContainsFunc(rs.all[comment], func(r *reach) bool { return r.used && r.code == code })
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
