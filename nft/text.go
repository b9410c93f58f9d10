package nft

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteScript writes the ruleset as a script for `nft -f` that replaces the table, whether
// it exists or not, in one transaction. Equal rulesets give equal bytes.
func (r *Ruleset) WriteScript(out io.Writer) error {
	w := bufio.NewWriterSize(out, 1<<16)
	fmt.Fprintf(w, "table inet %[1]s\ndelete table inet %[1]s\ntable inet %[1]s {\n", r.Table)
	if r.Comment != "" {
		fmt.Fprintf(w, "\tcomment %q\n", r.Comment)
	}
	for _, o := range r.Objects {
		w.WriteString("\n")
		writeObject(w, o)
	}
	for _, s := range r.Sets {
		w.WriteString("\n")
		s.write(w)
	}
	if r.Flowtable != nil {
		w.WriteString("\n")
		r.Flowtable.write(w)
	}
	for _, c := range r.Chains {
		w.WriteString("\n")
		c.write(w)
	}
	w.WriteString("}\n")
	for _, s := range r.Sets {
		s.writeRest(w, r.Table)
	}
	return w.Flush()
}

// fragile is how many elements nft 1.0.6 gets right in one statement where ranges and slots,
// or marks, share a key: at the border of a netlink message of 64 KiB it swaps the bytes of a slot.
const fragile = 200

// inBlock returns how many elements are written in the set's own block.
func (s *Set) inBlock() int {
	if s.Interval && s.Typeof() {
		return min(len(s.Elements), fragile)
	}
	return len(s.Elements)
}

// writeRest writes the elements that are not written in the set's own block, some at a time.
func (s *Set) writeRest(w *bufio.Writer, table string) {
	for rest := s.Elements[s.inBlock():]; len(rest) > 0; rest = rest[min(len(rest), fragile):] {
		fmt.Fprintf(w, "add element inet %s %s {\n", table, s.Name)
		s.writeElements(w, rest[:min(len(rest), fragile)], "\t")
		w.WriteString("}\n")
	}
}

func (s *Set) writeElements(w *bufio.Writer, es []Element, indent string) {
	var b strings.Builder
	for _, e := range es {
		b.Reset()
		b.WriteString(indent)
		s.formatElement(&b, e)
		b.WriteString(",\n")
		w.WriteString(b.String())
	}
}

// DynamicSize is how many elements a dynamic map can hold that says nothing else. More are not entered.
const DynamicSize = 1 << 20

// Holds returns how many elements a set can hold; 0 where there is no such bound.
func (s *Set) Holds() uint32 {
	if s.Dynamic && s.Size == 0 {
		return DynamicSize
	}
	return s.Size
}

// limit returns the size behind the header, where it is not that of every set of its kind.
func (s *Set) limit() string {
	if s.Size == 0 {
		return ""
	}
	return fmt.Sprintf("; size %d", s.Size)
}

// header returns the words behind `type` or `typeof` in the set's declaration.
func (s *Set) header() string {
	word := "type"
	if s.Typeof() {
		word = "typeof"
	}
	names := make([]string, len(s.Key))
	for i, t := range s.Key {
		if names[i] = types[t].name; s.Typeof() {
			names[i] = types[t].typeof
		}
	}
	text := word + " " + strings.Join(names, " . ")
	if s.Data == ObjectData {
		return text + " : " + s.Objects.String()
	}
	if d := datas[s.Data]; s.Data != NoData {
		if s.Typeof() {
			return text + " : " + d.typeof
		}
		return text + " : " + d.name
	}
	return text
}

func (s *Set) write(w *bufio.Writer) {
	kind := "set"
	if s.Data != NoData {
		kind = "map"
	}
	fmt.Fprintf(w, "\t%s %s {\n\t\t%s\n", kind, s.Name, s.header())
	if s.Interval {
		w.WriteString("\t\tflags interval\n")
	}
	if size := s.Holds(); size > 0 {
		fmt.Fprintf(w, "\t\tsize %d\n", size)
	}
	if s.Dynamic {
		flags := "dynamic,timeout"
		if s.Counting {
			flags = "dynamic"
		}
		fmt.Fprintf(w, "\t\tflags %s\n", flags)
	}
	if s.Counter {
		w.WriteString("\t\tcounter\n")
	}
	if len(s.Elements) > 0 {
		w.WriteString("\t\telements = {\n")
		s.writeElements(w, s.Elements[:s.inBlock()], "\t\t\t")
		w.WriteString("\t\t}\n")
	}
	w.WriteString("\t}\n")
}

func (s *Set) formatElement(b *strings.Builder, e Element) {
	s.formatKey(b, e)
	if e.Comment != "" {
		b.WriteString(` comment "` + e.Comment + `"`)
	}
	if s.Data != NoData {
		b.WriteString(" : ")
		s.formatData(b, e)
	}
}

// ElementString prints an element as nft writes it.
func (s *Set) ElementString(e Element) string {
	var b strings.Builder
	s.formatElement(&b, e)
	return b.String()
}

func (c *Chain) write(w *bufio.Writer) {
	fmt.Fprintf(w, "\tchain %s {\n", c.Name)
	if c.Hook != nil {
		fmt.Fprintf(w, "\t\t%s\n", c.Hook)
	}
	for _, r := range c.Rules {
		fmt.Fprintf(w, "\t\t%s\n", r)
	}
	w.WriteString("\t}\n")
}

// String returns the line that makes a chain a base chain.
func (h *Hook) String() string {
	return fmt.Sprintf("type %s hook %s priority %d; policy accept;", h.Type, h.Point, h.Priority)
}
