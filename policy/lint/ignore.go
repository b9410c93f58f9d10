package lint

import (
	"math"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// ignoreWord begins a comment that ignores findings: "# snatctl:ignore Z04,P12 reason".
const ignoreWord = "snatctl:ignore"

// Ignore is a comment that says that a finding is meant. Behind a value it holds for its own
// line. Alone on a line it holds for the next line that is no comment and for what is indented
// below that: above an object, for all of it. Above a file's first key it holds for the file.
type Ignore struct {
	Pos         policy.Pos
	Codes       []string
	Reason      string // empty: none was given, and it ignores nothing (I01)
	First, Last int    // the lines that it holds for
}

// Ignores returns the ignoring comments of a file, in their order.
func Ignores(src policy.Source) []Ignore {
	comments := read.Comments(src, ignoreWord)
	if len(comments) == 0 {
		return nil
	}
	next, last := blocks(policy.Lines(src))
	var out []Ignore
	for _, c := range comments {
		codes, reason, _ := strings.Cut(c.Text, " ")
		ig := Ignore{Pos: c.Pos, Reason: strings.TrimSpace(reason), First: c.Pos.Line, Last: c.Pos.Line}
		if codes != "" {
			ig.Codes = strings.Split(codes, ",")
		}
		if c.Alone {
			ig.First = next[c.Pos.Line]
			ig.Last = last[ig.First]
			if ig.First == next[0] {
				ig.First, ig.Last = 0, math.MaxInt
			}
		}
		out = append(out, ig)
	}
	return out
}

// blocks returns for each line, counted from 1, the first line behind it that is no comment,
// and the last line of what is indented below it.
func blocks(lines []string) (next, last []int) {
	next, last = make([]int, len(lines)+2), make([]int, len(lines)+2)
	next[len(lines)] = len(lines) + 1
	type open struct{ line, indent int }
	var above []open // lines that have more below, each deeper than the one before
	end := 0         // the last line that is no comment
	closeTo := func(indent int) {
		for len(above) > 0 && above[len(above)-1].indent >= indent {
			last[above[len(above)-1].line] = end
			above = above[:len(above)-1]
		}
	}
	for i, line := range lines {
		if text := strings.TrimLeft(line, " "); !isComment(text) {
			indent := len(line) - len(text)
			closeTo(indent)
			above = append(above, open{i + 1, indent})
			end = i + 1
		}
	}
	closeTo(0)
	for i := len(lines) - 1; i >= 0; i-- {
		next[i] = next[i+1]
		if !isComment(strings.TrimLeft(lines[i], " ")) {
			next[i] = i + 1
		}
	}
	return next, last
}

// isComment tells whether a line, from its first character on, holds nothing of the policy.
func isComment(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || text[0] == '#' || text == "---"
}
