package format

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// Document is a policy that a program writes, with its comments. Keys may be set in any order,
// and a Document may be written more than once.
type Document struct {
	root           Mapping
	header, footer []string
}

// NewDocument returns a policy of the language's version, and nothing else.
func NewDocument() *Document {
	d := new(Document)
	d.Set("version", Number(1))
	return d
}

// Set gives a key of the file a value, in place of the one that it has.
func (d *Document) Set(key string, v Value) *Entry { return d.root.Set(key, v) }

// Header adds comments at the top of the file, which belong to no key; "" is a blank line.
func (d *Document) Header(lines ...string) { d.header = append(d.header, lines...) }

// Footer adds comments at the end of the file.
func (d *Document) Footer(lines ...string) { d.footer = append(d.footer, lines...) }

// Bytes returns the policy in canonical form, in which Format would leave it. Whether its values
// are right package policy/read tells. An error names a key that the language does not have where
// it stands, or one that is too long to be written.
func (d *Document) Bytes() ([]byte, error) {
	if err := d.root.check(""); err != nil {
		return nil, err
	}
	root := d.root.group(nil)
	root.flow = false
	root.header = comments(d.header)
	if foot := strings.TrimRight(strings.Join(comments(d.footer), "\n"), "\n"); foot != "" {
		root.foot = append([]string{""}, strings.Split(foot, "\n")...)
	}
	root.sort("")
	root.lift()
	out := (&file{root: root}).print()
	after, diag := parse(policy.Source{Name: "policy", Data: out})
	switch {
	case diag != nil:
		return nil, fmt.Errorf("write a policy: %s", diag)
	case !sameNode(root, after.root.node):
		return nil, fmt.Errorf("write a policy: it would not say the same; please report this as a bug of snatctl:\n%s", out)
	}
	return out, nil
}

// Value is what a key or an item has: a Scalar, a *Mapping or a *List. The same value may be used
// in several places.
type Value interface{ enter(*entry) }

// Scalar is a text, a number, or true or false.
type Scalar struct {
	text  string
	plain bool // it is written without quotes
}

// Text returns a text, which gets quotes where YAML or people need them. What is not UTF-8 of it
// becomes U+FFFD.
func Text(s string) Scalar { return Scalar{text: strings.ToValidUTF8(s, "\ufffd")} }

// Number returns a number.
func Number(n int) Scalar { return Scalar{strconv.Itoa(n), true} }

// Truth returns true or false.
func Truth(b bool) Scalar { return Scalar{strconv.FormatBool(b), true} }

// Texts returns a list in brackets, or the text itself if it is one: where the language has a
// list, one item may be written for it.
func Texts(texts ...string) Value {
	if len(texts) == 1 {
		return Text(texts[0])
	}
	l := new(List).InBrackets()
	for _, text := range texts {
		l.Add(Text(text))
	}
	return l
}

// Entry is a key with its value, or an item of a list.
type Entry struct {
	key    string // empty in lists
	value  Value
	above  []string
	behind string
}

// Above adds comments on lines above; "" is a blank line. Brackets around the entry are lost, as
// there are no comments in brackets. A comment that begins with "snatctl:" is a directive to lint.
func (e *Entry) Above(lines ...string) *Entry {
	e.above = append(e.above, lines...)
	return e
}

// Behind sets the comment behind the entry, or behind its key if its value takes lines of its
// own. An item that begins with a key gets it above. Brackets around the entry are lost.
func (e *Entry) Behind(comment string) *Entry {
	e.behind = comment
	return e
}

// Mapping is keys with their values. The zero value has none.
type Mapping struct {
	brackets bool
	entries  []*Entry
	index    map[string]*Entry
}

// InBrackets puts the mapping on one line, or as few as fit. What it holds is in brackets, too.
func (m *Mapping) InBrackets() *Mapping {
	m.brackets = true
	return m
}

// Set gives a key a value, in place of the one that it has.
func (m *Mapping) Set(key string, v Value) *Entry {
	e := m.index[key]
	if e == nil {
		if m.index == nil {
			m.index = make(map[string]*Entry)
		}
		e = &Entry{key: key}
		m.entries, m.index[key] = append(m.entries, e), e
	}
	e.value = v
	return e
}

// List is an ordered list. The zero value is empty.
type List struct {
	brackets bool
	entries  []*Entry
}

// InBrackets is what it is for a Mapping.
func (l *List) InBrackets() *List {
	l.brackets = true
	return l
}

// Add adds an item.
func (l *List) Add(v Value) *Entry {
	l.entries = append(l.entries, &Entry{value: v})
	return l.entries[len(l.entries)-1]
}

// Len returns how many items there are.
func (l *List) Len() int { return len(l.entries) }

// check returns an error for a key that the language does not have below a path.
func (m *Mapping) check(path string) error {
	known := words.Keys(path)
	for _, e := range m.entries {
		if known != nil && !slices.Contains(known, e.key) && (path != "" || !strings.HasPrefix(e.key, words.Extension)) {
			return fmt.Errorf("write a policy: the language has no key %s", below(path, e.key))
		}
	}
	return checkAll(m.entries, func(e *Entry) string { return below(path, e.key) })
}

func checkAll(entries []*Entry, path func(*Entry) string) (err error) {
	for _, e := range entries {
		switch v := e.value.(type) {
		case *Mapping:
			err = v.check(path(e))
		case *List:
			err = checkAll(v.entries, func(*Entry) string { return path(e) + "[]" })
		}
		if err != nil {
			return err
		}
	}
	return nil
}
