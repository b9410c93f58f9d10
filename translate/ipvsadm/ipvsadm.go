// Package ipvsadm reads what ipvsadm prints and takes: rule dumps (`ipvsadm -S -n`), scripts of
// ipvsadm calls, and listings (`ipvsadm -Ln`), of plain IPVS and of its forks for NAT gateways.
//
// A file becomes calls, calls become commands of a dialect, and these change a table as the kernel
// would hold it; what the table has in the end becomes a translate.Setup.
package ipvsadm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// Limits of what a file may say.
const mostProblems = 20

// Translate makes a policy of a file. Without a dialect it finds out which one the file is in. What
// cannot be read is a translate.Unreadable, with all lines that are wrong.
func Translate(src policy.Source, dialect translate.Dialect) (*translate.Result, error) {
	s, err := newSource(src)
	if err != nil {
		return nil, err
	}
	calls, saved, err := s.calls()
	if err != nil {
		return nil, err
	}
	by := "--dialect says so"
	if dialect == "" {
		if dialect, by, err = tell(src.Name, calls); err != nil {
			return nil, err
		}
	}
	t := &table{file: src.Name, dialect: dialect, ledger: s.ledger, saved: saved}
	for _, c := range calls {
		cmd, err := parse(dialect, c)
		if err != nil {
			t.problem(c, err, "")
			continue
		}
		t.apply(cmd)
	}
	setup := t.setup()
	if len(t.problems) > 0 {
		slices.SortStableFunc(t.problems, func(a, b translate.Problem) int { return cmp.Compare(a.Line, b.Line) })
		if more := len(t.problems) - mostProblems; more > 0 {
			t.problems = t.problems[:mostProblems]
			t.problems[mostProblems-1].Msg += fmt.Sprintf("; and %d more lines", more)
		}
		return nil, t.problems
	}
	setup.Header = []string{fmt.Sprintf("made by snatctl translate of ipvsadm's rules, dialect %s: %s", dialect, by)}
	return setup.Finish(s.ledger, dialect, by)
}

// calls returns the calls of ipvsadm that a text is, and whether it was saved or listed by it.
func (s *source) calls() (calls []*call, saved bool, err error) {
	n := 0
	for line := range strings.Lines(s.text) {
		line = strings.TrimSpace(line)
		switch n++; {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '-' && !strings.HasPrefix(line, "->"):
			return s.dump(), true, nil
		case strings.HasPrefix(line, "IPVS connection entries"), strings.HasPrefix(line, "pro expire state"):
			return nil, false, s.problem(n, "this is a list of connections, not of rules", "translate what `ipvsadm -S -n` prints")
		case isListing(line):
			calls, err = s.listing()
			return calls, true, err
		}
		calls, err = s.script()
		return calls, false, err
	}
	return nil, false, nil // nothing but comments
}
