package read

import (
	"bytes"
	"math"
	"strings"

	"gopkg.in/yaml.v3"
)

// quick is a YAML document taken apart without yaml.v3, whose tree of a large policy costs more
// time and memory than all that is done with it. It knows the YAML that policies are mostly
// written in: mappings and lists, indented or in brackets, of plain words and of quoted ones, and
// comments. Whatever else a file holds, scanQuick refuses the
// whole of it, and yaml.v3 reads it. FuzzQuick holds that both find the same tree.
type quick struct {
	text   string
	tokens []token
	lists  map[*yaml.Node]int // tokens of lists whose items root leaves to each
}

// token is a node of the tree. What a mapping or list contains follows it.
type token struct {
	line int32
	at   uint32 // column, from 1, and form
	// Of a scalar, where its value begins and ends; else the token behind all that the node
	// contains, and how many nodes that are directly.
	a, b int32
}

// form is what a token is, in the lowest bits of token.at.
type form uint32

const (
	plainScalar form = iota
	singleQuoted
	doubleQuoted
	blockMapping
	blockList
	flowMapping
	flowList
	escapedScalar // in double quotes, with escapes

	formBits = 3
)

func (t token) form() form  { return form(t.at & (1<<formBits - 1)) }
func (t token) column() int { return int(t.at >> formBits) }

// Bounds of what is read quickly. Keys of more than 1,024 characters are none for YAML, and
// yaml.v3 has a bound for depth.
const (
	longestKey   = 100
	deepestQuick = 50
	largestQuick = math.MaxInt32
	widestQuick  = 1 << 24 // columns
)

// classes of characters
const (
	inWord  = 1 << iota // of a plain scalar, anywhere but at its beginning
	begins              // a plain scalar
	inKey               // of a key
	quotes              // nothing special between quotes of either kind
	colours             // nothing special in a comment; others badCharacter must look at
)

var classes = func() (c [256]uint8) {
	for i := 0x20; i < 0x7f; i++ {
		c[i] = quotes | colours
	}
	c['\t'] = colours
	c['"'], c['\''], c['\\'] = colours, colours, colours
	for i := range c {
		switch b := byte(i); {
		case '0' <= b && b <= '9', 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', b == '_':
			c[i] |= inWord | begins | inKey
		case b == '.' || b == '-':
			c[i] |= inWord | inKey
		case b == '/' || b == '+':
			c[i] |= inWord | begins
		case strings.IndexByte(":*()=<>!$%&;@^|~`'\"\\", b) >= 0:
			c[i] |= inWord
		}
	}
	return c
}()

// scanner reads a text line by line.
type scanner struct {
	text  string
	at    int
	line  int32
	start int // of the line
	odd   bool
	wait  bool // the last key's value is on the lines below
	open  []level
	out   []token
}

// level is a mapping or list that is indented, and may go on.
type level struct {
	indent int
	list   bool
	token  int // -1 until its first line
}

// scanQuick takes a document apart. It returns false where something in it is not of the kind
// that it knows, or is wrong.
func scanQuick(data []byte) (*quick, bool) {
	if len(data) > largestQuick || bytes.IndexByte(data, '\r') >= 0 { // which ends a line, too
		return nil, false
	}
	s := &scanner{text: string(data)}
	s.out = make([]token, 0, 2*(bytes.Count(data, []byte{'\n'})+bytes.Count(data, []byte{','}))+16) // about as many as there are
	if !s.lines() || s.wait || len(s.out) == 0 {
		return nil, false
	}
	for len(s.open) > 0 {
		s.close()
	}
	if s.odd {
		if _, _, msg, _ := badCharacter(data); msg != "" {
			return nil, false
		}
	}
	return &quick{text: s.text, tokens: s.out}, true
}

// lines reads all of them.
func (s *scanner) lines() bool {
	for s.at < len(s.text) {
		s.line, s.start = s.line+1, s.at
		s.blanks()
		if s.ended() {
			continue
		}
		if indent := s.at - s.start; indent > widestQuick || !s.entry(indent) || !s.ended() {
			return false
		}
	}
	return true
}

// peek returns the next character; 0 at the end of the text.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// blanks goes behind blanks.
func (s *scanner) blanks() {
	for s.at < len(s.text) && s.text[s.at] == ' ' {
		s.at++
	}
}

// ended goes behind the end of the line, if nothing but blanks and a comment comes before that.
func (s *scanner) ended() bool {
	s.blanks()
	switch {
	case s.at == len(s.text):
		return true
	case s.text[s.at] == '\n':
		s.at++
		return true
	case s.text[s.at] != '#' || s.at > s.start && s.text[s.at-1] != ' ':
		return false
	}
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '\n':
			s.at++
			return true
		case classes[c]&colours == 0:
			s.odd = true
		}
	}
	return true
}

// entry reads what begins on a line: a key of a mapping, or an item of a list.
func (s *scanner) entry(indent int) bool {
	item := s.peek() == '-' && s.at+1 < len(s.text) && s.text[s.at+1] == ' '
	if !s.belongs(indent, item) {
		return false
	}
	if !item {
		return s.pair()
	}
	s.out[s.top().token].b++
	s.at += 2
	s.blanks()
	if !s.keyFollows(" \n") {
		return s.value(false, 0)
	}
	s.push(s.at-s.start, false)
	return s.pair()
}

func (s *scanner) top() *level { return &s.open[len(s.open)-1] }

// belongs finds the mapping or list that a line goes on with, or begins it.
func (s *scanner) belongs(indent int, item bool) bool {
	if len(s.open) == 0 {
		if len(s.out) > 0 || indent > 0 || item {
			return false
		}
		s.push(indent, false)
		return true
	}
	if s.wait {
		top := s.top()
		s.wait = false
		if indent > top.indent || indent == top.indent && item {
			s.push(indent, item)
			return len(s.open) < deepestQuick
		}
		return false // the value is null
	}
	for len(s.open) > 0 && (s.top().indent > indent || s.top().indent == indent && s.top().list && !item) {
		s.close()
	}
	return len(s.open) > 0 && s.top().indent == indent && s.top().list == item
}

// push begins a mapping or list at the place at hand.
func (s *scanner) push(indent int, list bool) {
	s.open = append(s.open, level{indent, list, len(s.out)})
	what := blockMapping
	if list {
		what = blockList
	}
	s.add(what, s.at, 0, 0)
}

// close ends the innermost mapping or list.
func (s *scanner) close() {
	s.out[s.top().token].a = int32(len(s.out))
	s.open = s.open[:len(s.open)-1]
}

func (s *scanner) add(f form, at, a, b int) {
	s.out = append(s.out, token{s.line, uint32(at-s.start+1)<<formBits | uint32(f), int32(a), int32(b)})
}

// keyFollows tells whether a key comes next, and a colon with one of some characters behind it.
func (s *scanner) keyFollows(behind string) bool {
	i := s.at
	if i == len(s.text) || classes[s.text[i]]&begins == 0 {
		return false
	}
	for i < len(s.text) && classes[s.text[i]]&inKey != 0 {
		i++
	}
	if i-s.at > longestKey || i == len(s.text) || s.text[i] != ':' {
		return false
	}
	return i+1 == len(s.text) || s.text[i+1] == behind[0] || s.text[i+1] == behind[len(behind)-1]
}

// key reads a key and its colon.
func (s *scanner) key() {
	from := s.at
	for s.text[s.at] != ':' {
		s.at++
	}
	s.add(plainScalar, from, from, s.at)
	s.at++
}

// pair reads a key of an indented mapping, and its value unless that is below.
func (s *scanner) pair() bool {
	if !s.keyFollows(" \n") {
		return false
	}
	s.out[s.top().token].b += 2
	s.key()
	s.blanks()
	switch s.peek() {
	case 0, '\n', '#':
		s.wait = true
		return true
	}
	return s.value(false, 0)
}

// value reads a value on one line.
func (s *scanner) value(flow bool, depth int) bool {
	switch c := s.peek(); {
	case classes[c]&begins != 0:
		return s.plain(flow)
	case c == '[':
		return depth < deepestQuick && s.flow(flowList, ']', depth+1)
	case c == '{':
		return depth < deepestQuick && s.flow(flowMapping, '}', depth+1)
	case c == '"':
		return s.quoted(doubleQuoted)
	case c == '\'':
		return s.quoted(singleQuoted)
	}
	return false
}

// plain reads words without quotes.
func (s *scanner) plain(flow bool) bool {
	from := s.at
	for {
		for s.at < len(s.text) && classes[s.text[s.at]]&inWord != 0 {
			s.at++
		}
		end := s.at
		if s.text[end-1] == ':' {
			return false // a key, or in brackets an odd one
		}
		s.blanks()
		switch c := s.peek(); {
		case c == 0, c == '\n', c == '#' && s.at > end, flow && (c == ',' || c == ']' || c == '}'):
			s.add(plainScalar, from, from, end)
			return true
		case s.at == end || classes[c]&inWord == 0:
			return false
		}
	}
}

// quoted reads a scalar in quotes.
func (s *scanner) quoted(f form) bool {
	from, quote := s.at, s.text[s.at]
	for s.at++; s.at < len(s.text); s.at++ {
		if n := escapeLength(s.text[s.at:]); quote == '"' && n > 0 {
			f, s.at = escapedScalar, s.at+n-1
		} else if classes[s.text[s.at]]&quotes == 0 {
			break
		}
	}
	if s.peek() != quote {
		return false
	}
	s.add(f, from, from+1, s.at)
	s.at++
	switch s.peek() {
	case 0, ' ', '\n', ',', ']', '}':
		return true
	}
	return false
}

// gap goes behind blanks and ends of lines, which may follow a bracket or comma.
func (s *scanner) gap() {
	for s.blanks(); s.peek() == '\n'; s.blanks() {
		s.at++
		s.line, s.start = s.line+1, s.at
	}
}

// flow reads a list or mapping in brackets.
func (s *scanner) flow(f form, end byte, depth int) bool {
	this := len(s.out)
	s.add(f, s.at, 0, 0)
	for s.at++; ; s.at++ {
		s.gap()
		if s.peek() == end {
			break
		}
		if f == flowMapping {
			if !s.keyFollows(" ") {
				return false
			}
			s.out[this].b++
			s.key()
			s.blanks()
		}
		s.out[this].b++
		if !s.value(true, depth) {
			return false
		}
		s.blanks()
		if s.peek() == end {
			break
		}
		if s.peek() != ',' {
			return false
		}
	}
	s.at++
	s.out[this].a = int32(len(s.out))
	return true
}
