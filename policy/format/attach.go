package format

import (
	"slices"
	"sort"
	"strings"
)

// attach gives every comment and every blank line to the entry or group that it belongs to.
func attach(f *file) {
	a := attacher{file: f}
	for _, c := range f.comments {
		next := sort.Search(len(f.entries), func(i int) bool { return c.at.before(f.entries[i].start()) })
		if c.own || next == 0 || a.dashes(c, f.entries[next-1]) {
			a.above(c, next)
		} else {
			a.behind(c, f.entries[next-1])
		}
	}
	line := 0
	for _, e := range f.entries {
		if at := e.start().line; at != line {
			line = at
			if f.blank(line - 1) {
				e.head = append(e.head, "")
			}
		}
		e.head = append(e.head, e.late...)
	}
}

type attacher struct {
	*file
	next   int    // the entry that the last comments stood above,
	within *group // and the group that they went below; nil: they went to the entry
	begun  bool
	dashed int // up to this line dashes were looked for
}

// blank tells whether a line is blank. There is none before the first.
func (f *file) blank(line int) bool { return line > 0 && strings.TrimSpace(f.lines[line-1]) == "" }

// dashes tells whether nothing but the dashes of a list comes before a comment.
func (a *attacher) dashes(c comment, last *entry) bool {
	return last.start().line < c.at.line && strings.Trim(string([]rune(a.lines[c.at.line-1])[:c.at.col-1]), " \t-") == ""
}

// behind gives a comment to the entry that ends before it on its line.
func (a *attacher) behind(c comment, e *entry) {
	for e.in.end != (place{}) && e.in.end.before(c.at) {
		if e.in.owner == nil {
			e.in.foot = append(e.in.foot, c.text)
			return
		}
		e = e.in.owner
	}
	if e.trail != "" {
		e.late = append(e.late, e.trail)
	}
	e.trail = c.text
	e.in.unbracket()
	if e.inner != nil && c.at.before(e.inner.end) {
		e.inner.unbracket()
	}
}

// above gives a comment on a line of its own to the entry below it, or to the end of a group
// that it is indented as far as.
func (a *attacher) above(c comment, next int) {
	lines := []string{c.text}
	if a.blank(c.at.line - 1) {
		lines = []string{"", c.text}
	}
	into := a.target(c, next)
	*into = append(*into, lines...)
}

// target returns the lines that such a comment goes to.
func (a *attacher) target(c comment, next int) *[]string {
	if !a.begun || next != a.next {
		a.begun, a.next, a.within, a.dashed = true, next, nil, 0
		if next > 0 {
			a.within = a.entries[next-1].in
		}
	}
	var prev, below *entry
	if next > 0 {
		prev = a.entries[next-1]
	}
	if next < len(a.entries) {
		below = a.entries[next]
	}
	if prev != nil && c.at.before(start(prev.value)) && (prev.inner == nil || prev.inner.end != (place{})) {
		prev.in.unbracket()
		return &prev.late
	}
	if g := bracketsAround(prev, c.at); g != nil {
		return g.inBrackets(below)
	}
	column := 1
	if below != nil {
		column = below.in.column
	}
	if prev != nil {
		for line := max(prev.start().line, a.dashed) + 1; line <= c.at.line; line++ {
			if strings.HasPrefix(strings.TrimSpace(a.lines[line-1]), "-") {
				a.within = nil // the dash of the item below
			}
		}
		a.dashed = c.at.line
	}
	for g := a.within; g != nil && !g.around(below); g = g.outer() {
		if g.end == (place{}) && c.at.col > column && c.at.col >= g.column {
			a.within = g
			return &g.foot
		}
	}
	a.within = nil
	if below == nil {
		return &a.root.foot
	}
	return &below.head
}

// bracketsAround returns the innermost brackets around a place that follows an entry; nil if
// there are none.
func bracketsAround(prev *entry, at place) *group {
	if prev == nil {
		return nil
	}
	if prev.inner != nil && at.before(prev.inner.end) {
		return prev.inner
	}
	for g := prev.in; g != nil; g = g.outer() {
		if at.before(g.end) {
			return g
		}
	}
	return nil
}

// inBrackets returns the lines for a comment in brackets, above an entry or at their end.
func (g *group) inBrackets(below *entry) *[]string {
	g.unbracket()
	switch {
	case below != nil && below.in == g:
		return &below.head
	case len(g.entries) > 0 || g.owner == nil:
		return &g.foot
	}
	g.owner.in.unbracket()
	return &g.owner.late
}

// outer returns the group around a group; nil for the root.
func (g *group) outer() *group {
	if g.owner == nil {
		return nil
	}
	return g.owner.in
}

// around tells whether an entry lies in a group, however deep.
func (g *group) around(e *entry) bool {
	if e == nil {
		return false
	}
	for in := e.in; in != nil; in = in.outer() {
		if in == g {
			return true
		}
	}
	return false
}

// sameComments tells whether two files have the same comments, in whatever order.
func sameComments(a, b []comment) bool {
	return slices.Equal(texts(a), texts(b))
}

func texts(cs []comment) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.text
	}
	slices.Sort(out)
	return out
}
