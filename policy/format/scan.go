package format

import (
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// comment is one comment, from its # to the end of the line.
type comment struct {
	at   place
	text string // without blanks at its end
	own  bool   // nothing but blanks comes before it
}

// scanner finds the comments of a text, and where brackets close. yaml.v3 keeps comments too,
// but drops some, and does not tell where they stood.
type scanner struct {
	text   []rune
	starts map[place]*yaml.Node // scalars that are not plain, and what is in brackets
	i      int                  // index of the next character,
	at     place                // and its place

	waiting *yaml.Node // a node of starts whose quote or bracket has not come yet: an anchor comes first
	open    []*yaml.Node

	comments []comment
	ends     map[*yaml.Node]place // closing brackets
	refused  *yaml.Node           // a scalar whose end cannot be told
}

func (s *scanner) scan() {
	// blank: a token ends before the next character, by a blank most of the time;
	// own: nothing else comes before it on its line
	blank, own := true, true
	for s.i < len(s.text) && s.refused == nil {
		if n := s.starts[s.at]; n != nil {
			s.waiting = n
		}
		token := false
		switch c := s.text[s.i]; {
		case c == '#' && blank:
			s.comment(own)
		case s.waiting != nil && isQuote(c) && s.waiting.Kind == yaml.ScalarNode:
			s.quoted(c)
			token = true
		case s.waiting != nil && (c == '|' || c == '>') && s.waiting.Kind == yaml.ScalarNode:
			s.lines()
		case (c == '[' || c == '{') && s.waiting != nil:
			s.open = append(s.open, s.waiting)
			s.waiting = nil
			s.next()
			token = true
		case (c == ']' || c == '}') && len(s.open) > 0:
			s.ends[s.open[len(s.open)-1]] = s.at
			s.open = s.open[:len(s.open)-1]
			s.next()
			token = true
		case c == ',' && len(s.open) > 0:
			s.next()
			token = true
		default:
			s.next()
		}
		last := s.text[s.i-1]
		white := last == ' ' || last == '\t' || last == '\n'
		blank, own = white || token, last == '\n' || own && white
	}
}

func isQuote(c rune) bool { return c == '"' || c == '\'' }

// next goes on by one character.
func (s *scanner) next() {
	s.at.col++
	if s.text[s.i] == '\n' {
		s.at = place{s.at.line + 1, 1}
	}
	s.i++
}

// comment takes a comment up to the end of the line.
func (s *scanner) comment(own bool) {
	c, from := comment{at: s.at, own: own}, s.i
	for s.i < len(s.text) && s.text[s.i] != '\n' {
		s.next()
	}
	c.text = strings.TrimRightFunc(string(s.text[from:s.i]), unicode.IsSpace)
	if letters := []rune(c.text); len(letters) > 1 && (unicode.IsLetter(letters[1]) || unicode.IsDigit(letters[1])) {
		c.text = "# " + c.text[1:]
	}
	s.comments = append(s.comments, c)
}

// quoted goes over a scalar in quotes.
func (s *scanner) quoted(quote rune) {
	s.waiting = nil
	for s.next(); s.i < len(s.text); s.next() {
		switch c := s.text[s.i]; {
		case c == '\\' && quote == '"' && s.i+1 < len(s.text):
			s.next()
		case c == quote && quote == '\'' && s.i+1 < len(s.text) && s.text[s.i+1] == quote:
			s.next()
		case c == quote:
			s.next()
			return
		}
	}
}

// lines goes over a scalar in lines of its own, which begins with | or >. Its lines are those
// that are blank or indented as far as the first that is not.
func (s *scanner) lines() {
	n := s.waiting
	s.waiting = nil
	for s.next(); s.i < len(s.text) && s.text[s.i] != '\n'; {
		switch c := s.text[s.i]; {
		case c >= '0' && c <= '9':
			s.refused = n
			return
		case c == '#':
			s.comment(false)
		default:
			s.next()
		}
	}
	if s.i == len(s.text) {
		return
	}
	s.next()
	indent := -1
	for s.i < len(s.text) {
		line := s.text[s.i:]
		for i, c := range line {
			if c == '\n' {
				line = line[:i]
				break
			}
		}
		blanks := 0
		for blanks < len(line) && line[blanks] == ' ' {
			blanks++
		}
		switch empty := strings.TrimSpace(string(line)) == ""; {
		case empty:
		case indent < 0 && strings.TrimSpace(n.Value) != "":
			indent = blanks
		case indent < 0 || blanks < indent:
			return
		}
		for range line {
			s.next()
		}
		if s.i < len(s.text) {
			s.next()
		}
	}
}
