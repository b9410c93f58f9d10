package format

import (
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// group makes the group of a mapping in an entry; nil for the root.
func (m *Mapping) group(owner *entry) *group {
	return grow(yaml.MappingNode, owner, m.brackets, m.entries)
}

func (m *Mapping) enter(e *entry) { e.inner = m.group(e) }

func (l *List) enter(e *entry) { e.inner = grow(yaml.SequenceNode, e, l.brackets, l.entries) }

func (s Scalar) enter(e *entry) {
	e.value = &yaml.Node{Kind: yaml.ScalarNode, Value: s.text}
	if !s.plain {
		e.value.Tag, e.value.Style = "!!str", yaml.DoubleQuotedStyle
	}
}

// grow makes a group as parse would find it in the canonical form.
func grow(kind yaml.Kind, owner *entry, brackets bool, entries []*Entry) *group {
	g := &group{node: &yaml.Node{Kind: kind}, owner: owner, flow: brackets || len(entries) == 0}
	if owner != nil {
		owner.value = g.node
		g.flow = g.flow || owner.in.flow
	}
	for _, from := range entries {
		e := &entry{in: g, head: comments(from.above), trail: strings.TrimSpace(strings.Join(comments([]string{from.behind}), " "))}
		if kind == yaml.MappingNode {
			e.key = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: from.key}
		}
		g.entries = append(g.entries, e)
		if len(e.head) > 0 || e.trail != "" {
			g.unbracket()
		}
	}
	for i, from := range entries {
		from.value.enter(g.entries[i])
	}
	return g
}

// comments returns lines as comments. A line that is empty stays so; one that has line breaks is
// several, and what cannot be printed is escaped.
func comments(lines []string) (out []string) {
	for _, text := range lines {
		for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
			if line = strings.TrimRightFunc(line, unicode.IsSpace); line != "" {
				line = "# " + escaped(line)
			}
			out = append(out, line)
		}
	}
	return out
}
