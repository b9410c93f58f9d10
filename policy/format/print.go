package format

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// width is how many columns a line may have before a list or mapping in brackets is broken. The
// comment behind it does not count.
const width = 120

// printer writes the canonical form. Lines end when the next begins.
type printer struct {
	bytes.Buffer
	column int // characters of the current line
}

// print returns the file in canonical form.
func (f *file) print() []byte {
	var p printer
	p.above(f.root.header, 0, true)
	if len(f.root.header) > 0 {
		p.blank()
	}
	if len(f.root.entries) == 0 {
		p.line("{}")
	}
	p.group(f.root, 0, "")
	p.end()
	return p.Bytes()
}

// end ends the current line.
func (p *printer) end() {
	if p.column > 0 {
		p.WriteByte('\n')
		p.column = 0
	}
}

// line begins a line.
func (p *printer) line(prefix string) {
	p.end()
	p.add(prefix)
}

// blank writes a blank line, unless there is one, or nothing comes before.
func (p *printer) blank() {
	p.end()
	if b := p.Bytes(); len(b) > 0 && !bytes.HasSuffix(b, []byte("\n\n")) {
		p.WriteByte('\n')
	}
}

// add goes on with the current line.
func (p *printer) add(s string) {
	p.WriteString(s)
	p.column += utf8.RuneCountInString(s)
}

// above writes the lines above an entry. The first of a group has no blank line above it.
func (p *printer) above(lines []string, indent int, first bool) {
	for _, line := range lines {
		switch {
		case line != "":
			p.line(spaces(indent) + line)
			first = false
		case !first:
			p.blank()
		}
	}
}

// below writes the lines at the end of a group.
func (p *printer) below(lines []string, indent int) { p.above(lines, indent, false) }

// group writes the entries of a group without brackets, one a line. A lead that is not empty
// stands before the first of them in place of its indentation.
func (p *printer) group(g *group, indent int, lead string) {
	for i, e := range g.entries {
		if g.owner == nil && i > 0 {
			p.blank()
		}
		p.above(e.head, indent, i == 0)
		if i > 0 || lead == "" {
			lead = spaces(indent)
		}
		if e.key == nil {
			p.item(e, indent, lead+"-")
		} else {
			p.keyed(e, indent, lead)
		}
	}
	p.below(g.foot, indent)
}

// item writes an item of a list, up to its dash in lead.
func (p *printer) item(e *entry, indent int, lead string) {
	if e.inner != nil && !e.inner.flow && e.value.Anchor == "" {
		p.group(e.inner, indent+2, lead+" ")
		return
	}
	p.line(lead)
	p.rest(e, indent)
}

// keyed writes a key and its value.
func (p *printer) keyed(e *entry, indent int, lead string) {
	p.line(lead)
	p.add(scalar(e.key, true) + ":")
	p.rest(e, indent)
}

// rest writes the value of an entry behind its dash or key.
func (p *printer) rest(e *entry, indent int) {
	if e.inner != nil && !e.inner.flow {
		if e.value.Anchor != "" {
			p.add(" &" + e.value.Anchor)
		}
		p.trail(e)
		p.group(e.inner, indent+2, "")
		return
	}
	if e.inner != nil {
		p.add(" ")
		p.brackets(e.inner)
	} else if text := scalar(e.value, false); text != "" {
		p.add(" " + text)
	}
	p.trail(e)
}

// trail writes the comment behind an entry.
func (p *printer) trail(e *entry) {
	if e.trail != "" {
		p.add(" " + e.trail)
	}
}

// brackets writes a group in brackets. Its entries after the first are broken where they
// were, and where the line would become too wide.
func (p *printer) brackets(g *group) {
	p.add(opening(g))
	indent := p.column
	for i, e := range g.entries {
		if i > 0 {
			p.add(",")
			if e.breaks || p.column+1+flat(e) >= width {
				p.line(spaces(indent))
			} else {
				p.add(" ")
			}
		}
		if e.key != nil {
			p.add(scalar(e.key, true) + ": ")
		}
		if e.inner != nil {
			p.brackets(e.inner)
		} else {
			p.add(scalar(e.value, true))
		}
	}
	p.add(closing(g))
}

// flat returns the width of an entry in brackets, up to where it is broken itself.
func flat(e *entry) int {
	n, _ := flatUntil(e)
	return n
}

func flatUntil(e *entry) (n int, broken bool) {
	if e.key != nil {
		n = utf8.RuneCountInString(scalar(e.key, true)) + 2
	}
	if e.inner == nil {
		return n + utf8.RuneCountInString(scalar(e.value, true)), false
	}
	n += utf8.RuneCountInString(opening(e.inner))
	for i, inner := range e.inner.entries {
		if i > 0 && inner.breaks {
			return n + 1, true
		}
		if i > 0 {
			n += 2
		}
		wide, broken := flatUntil(inner)
		if n += wide; broken {
			return n, true
		}
	}
	return n + 1, false
}

// opening returns the opening bracket, after the anchor if there is one.
func opening(g *group) string {
	anchor := ""
	if g.node.Anchor != "" {
		anchor = "&" + g.node.Anchor + " "
	}
	if g.node.Kind == yaml.MappingNode {
		return anchor + "{"
	}
	return anchor + "["
}

func closing(g *group) string {
	if g.node.Kind == yaml.MappingNode {
		return "}"
	}
	return "]"
}

func spaces(n int) string { return strings.Repeat(" ", n) }
