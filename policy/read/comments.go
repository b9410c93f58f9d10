package read

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
)

// Comment is a comment of a policy file that begins with a certain word.
type Comment struct {
	Pos   policy.Pos
	Text  string // after the word, without white space at the ends
	Alone bool   // nothing but white space comes before it on its line
}

// Comments returns the comments of a file that begin with word, in their order. A comment
// may follow another on its line: "# why # word ...". What looks like a comment inside
// of quotes or of a text block is none. A file that is no YAML has no comments.
func Comments(src policy.Source, word string) []Comment {
	if !bytes.Contains(src.Data, []byte(word)) {
		return nil
	}
	root := treeOf(src)
	if root == nil {
		return nil
	}
	lines := policy.Lines(src)
	var texts []span
	eachScalar(root, func(n *yaml.Node) {
		if strings.Contains(n.Value, word) && !isPlain(n) {
			texts = append(texts, scalarSpan(lines, n))
		}
	})
	var out []Comment
	for i, line := range lines {
		for at := 0; ; at++ {
			hash := strings.IndexByte(line[at:], '#')
			if hash < 0 {
				break
			}
			at += hash
			text, ok := strings.CutPrefix(strings.TrimLeft(line[at+1:], " \t"), word)
			if !ok || at > 0 && line[at-1] != ' ' && line[at-1] != '\t' || text != "" && text[0] != ' ' && text[0] != '\t' {
				continue
			}
			if inside(texts, i, at) {
				continue
			}
			text, _, _ = strings.Cut(text, " #")
			out = append(out, Comment{
				Pos:   policy.Pos{File: src.Name, Line: i + 1, Col: utf8.RuneCountInString(line[:at]) + 1},
				Text:  strings.TrimSpace(text),
				Alone: strings.TrimSpace(line[:at]) == "",
			})
		}
	}
	return out
}

// treeOf returns the whole tree of a file; nil if it is no YAML.
func treeOf(src policy.Source) *yaml.Node {
	if q, ok := scanQuick(withoutMark(src.Data)); ok {
		var m nodes
		root, _ := q.node(&m, 0)
		return root
	}
	root, diag := Document(src)
	if diag != nil {
		return nil
	}
	return root
}

func eachScalar(n *yaml.Node, fn func(*yaml.Node)) {
	if n.Kind == yaml.ScalarNode {
		fn(n)
	}
	for _, child := range n.Content {
		eachScalar(child, fn)
	}
}

// span is a piece of a file: from a place to before another. Lines count from 0, columns are
// bytes.
type span struct{ line, col, toLine, toCol int }

// inside tells whether a place lies in one of the spans, which are in order.
func inside(spans []span, line, col int) bool {
	before := func(l1, c1, l2, c2 int) bool { return l1 < l2 || l1 == l2 && c1 < c2 }
	i := sort.Search(len(spans), func(i int) bool { return before(line, col, spans[i].line, spans[i].col) })
	return i > 0 && before(line, col, spans[i-1].toLine, spans[i-1].toCol)
}

// scalarSpan returns where a scalar in quotes, or one that is a text block, begins and ends.
func scalarSpan(lines []string, n *yaml.Node) span {
	s := span{line: n.Line - 1, toLine: len(lines)}
	s.col = byteColumn(lines[s.line], n.Column)
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		s.col, s.toLine = 0, blockEnd(lines, s.line)
		s.line++ // behind | and > there may be comments
		return s
	}
	quote := byte('"')
	if n.Style&yaml.SingleQuotedStyle != 0 {
		quote = '\''
	}
	col := s.col + 1 + max(0, strings.IndexByte(lines[s.line][s.col:], quote)) // an anchor may come before
	for i := s.line; i < len(lines); i, col = i+1, 0 {
		for line := lines[i]; col < len(line); col++ {
			switch {
			case line[col] == '\\' && quote == '"':
				col++
			case line[col] != quote:
			case quote == '\'' && col+1 < len(line) && line[col+1] == quote:
				col++
			default:
				s.toLine, s.toCol = i, col
				return s
			}
		}
	}
	return s
}

// blockEnd returns the line after the text block that begins below a line: the first that is
// indented less than the block's first.
func blockEnd(lines []string, above int) int {
	indent := 0
	for i := above + 1; i < len(lines); i++ {
		text := strings.TrimLeft(lines[i], " ")
		switch deep := len(lines[i]) - len(text); {
		case text == "":
		case indent == 0:
			indent = deep
		case deep < indent:
			return i
		}
	}
	return len(lines)
}

// byteColumn returns where in a line the column that counts characters from 1 is.
func byteColumn(line string, column int) int {
	for i := range line {
		if column--; column == 0 {
			return i
		}
	}
	return len(line)
}
