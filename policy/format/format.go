// Package format writes a policy in its one canonical form, with all comments: one that a person
// wrote (Format), or one that a program builds (Document). It is pure.
package format

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// Format returns a policy in canonical form. It takes any YAML whose keys are plain words, be
// it a valid policy or not, and returns nil and one diagnostic for everything else. Formatting
// twice is formatting once.
//
// Keys are in the order of the language, unless the file has anchors; indentation is two
// spaces; a blank line parts the sections, and blank lines elsewhere stay, one at a time. A
// list or mapping in brackets stays in brackets, with its line breaks, and gets more where a
// line is wider than 120 columns; it loses the brackets where there is a comment inside, or the
// first bracket is at the end of a line. Quotes are put around text with a colon, and
// elsewhere where YAML needs them.
func Format(src policy.Source) ([]byte, *policy.Diagnostic) {
	before, diag := parse(src)
	if diag != nil {
		return nil, diag
	}
	attach(before)
	if !before.anchors {
		before.root.sort("")
	}
	before.root.lift()
	out := before.print()
	after, diag := parse(policy.Source{Name: src.Name, Data: out})
	if diag != nil || !sameNode(before.root, after.root.node) || !sameComments(before.comments, after.comments) {
		return nil, refusal(src, before.root.node, "its canonical form would not say the same", "write it in a simpler way; please report this file as a bug of snatctl")
	}
	return out, nil
}

// file is a policy as it was written.
type file struct {
	lines    []string
	root     *group
	entries  []*entry // all, from top to bottom
	comments []comment
	anchors  bool
}

// parse takes a file apart.
func parse(src policy.Source) (*file, *policy.Diagnostic) {
	text := strings.TrimPrefix(string(src.Data), "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	src.Data = []byte(text)
	node, diag := read.Document(src)
	if diag != nil {
		return nil, diag
	}
	if node.Kind != yaml.MappingNode {
		return nil, refusal(src, node, "it is no mapping", `a policy begins with "version: 1"`)
	}
	f := &file{lines: strings.Split(text, "\n")}
	s := scanner{text: []rune(text), starts: map[place]*yaml.Node{}, ends: map[*yaml.Node]place{}, at: place{1, 1}}
	if at, why, hint := f.survey(node, &s); why != "" {
		return nil, refusal(src, at, why, hint)
	}
	s.scan()
	if s.refused != nil {
		return nil, refusal(src, s.refused, "a text in lines of its own with an indentation indicator", "put the text in quotes")
	}
	f.comments = s.comments
	f.root = f.group(node, nil, s.ends)
	f.root.flow = false
	return f, nil
}

// maxKey is how long a key may be. YAML has a limit, too: 1,024 characters with quotes and
// escapes (YAML 1.2.2, section 7.4.2).
const maxKey = 100

// survey goes through the tree: it notes where the scanner must take care, and finds what
// policies never hold and the formatter does not understand.
func (f *file) survey(n *yaml.Node, s *scanner) (at *yaml.Node, why, hint string) {
	f.anchors = f.anchors || n.Anchor != ""
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return n, "the YAML tag " + n.Tag + " is not understood here", "remove the tag"
	case n.Kind == yaml.ScalarNode && n.Style != 0, n.Style&yaml.FlowStyle != 0:
		s.starts[start(n)] = n
	}
	if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 && n.Anchor == "" && !strings.HasPrefix(f.from(start(n)), "{") {
		return n, "a mapping in a list lacks its braces", "write [{key: value}]"
	}
	for i, child := range n.Content {
		key := n.Kind == yaml.MappingNode && i%2 == 0
		switch {
		case key && child.Kind != yaml.ScalarNode:
			return child, "a key must be text", "write a plain word before the colon"
		case key && len(child.Value) > maxKey:
			return child, fmt.Sprintf("a key has more than %d bytes", maxKey), "no key of the language is as long"
		}
		if at, why, hint = f.survey(child, s); why != "" {
			return at, why, hint
		}
	}
	return nil, "", ""
}

// from returns the rest of a line.
func (f *file) from(p place) string {
	line := []rune(f.lines[p.line-1])
	return string(line[min(p.col-1, len(line)):])
}

// refusal says why a file is not formatted.
func refusal(src policy.Source, at *yaml.Node, why, hint string) *policy.Diagnostic {
	return &policy.Diagnostic{Pos: policy.Pos{File: src.Name, Line: at.Line, Col: at.Column}, Severity: policy.Error, Code: "N03",
		Msg: fmt.Sprintf("cannot be formatted: %s", why), Hint: hint}
}
