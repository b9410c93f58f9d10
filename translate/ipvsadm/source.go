package ipvsadm

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// source is the text of a configuration in plain letters, with its words entered in a ledger.
type source struct {
	name   string
	text   string
	ledger *translate.Ledger
	tokens []token
	odd    []translate.Place // lines that had letters which belong to a page, not to a command
}

// token is a word of the text, by its place in bytes.
type token struct {
	from, to int
	word     translate.Word
}

// Limits of what is read. Rules of 30,000 services with 4 real servers each are 8 MB.
const (
	maxText  = 32 << 20
	maxLine  = 64 << 10
	maxDepth = 200 // of brackets and blocks in a script
)

// newSource takes the text of a file, or tells why it is none.
func newSource(src policy.Source) (*source, error) {
	s := &source{name: src.Name, ledger: new(translate.Ledger)}
	data := strings.TrimPrefix(string(src.Data), "\ufeff")
	if len(data) > maxText {
		return nil, s.problem(0, "the file has more than 32 MB: is it a list of rules?", "")
	}
	var b strings.Builder
	line := 0
	listed := slices.ContainsFunc(titles, func(title string) bool { return strings.Contains(data, title) })
	for text := range strings.Lines(data) {
		line++
		switch {
		case !utf8.ValidString(text):
			return nil, s.problem(line, "the line is not UTF-8 text", "is this a file of ipvsadm? Its rules are printed by `ipvsadm -S -n`")
		case strings.ContainsRune(text, 0):
			return nil, s.problem(line, "the line has a NUL byte", "is this a file of ipvsadm? Its rules are printed by `ipvsadm -S -n`")
		case len(text) > maxLine:
			return nil, s.problem(line, "the line has more than 64 KB", "")
		}
		plain, changed := plainText(text)
		if bare := unquotedPage(plain); bare != plain {
			plain, changed = bare, true
		}
		if listed && lists.MatchString(plain) {
			plain, changed = "\n", true
		}
		if changed {
			s.odd = append(s.odd, translate.Place{File: s.name, Line: line})
		}
		b.WriteString(plain)
	}
	s.text = b.String()
	return s, nil
}

// problem returns an error at a line.
func (s *source) problem(line int, msg, hint string) error {
	return translate.Unreadable{{Place: translate.Place{File: s.name, Line: line}, Msg: msg, Hint: hint}}
}

// plainText replaces blanks, hyphens and quotes of other alphabets, which web pages and word
// processors put into commands: "–A", "　-t", ‘wrr’. What was a double hyphen becomes one again.
func plainText(line string) (plain string, changed bool) {
	line = strings.TrimSuffix(strings.ReplaceAll(line, "\r\n", "\n"), "\r")
	if strings.IndexFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return line, false
	}
	var b strings.Builder
	for i, r := range line {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			return line, false
		case r != '\n' && r >= utf8.RuneSelf && unicode.IsSpace(r), r == '\u200b', r == '\ufeff':
			b.WriteByte(' ')
		case r >= '\u2018' && r <= '\u201b', r == '\u2032':
			b.WriteByte('\'')
		case r >= '\u201c' && r <= '\u201f':
			b.WriteByte('"')
		case isHyphen(r):
			b.WriteByte('-')
			name := strings.TrimLeftFunc(line[i:], isHyphen)
			if end := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }); end > 2 && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
				if after, _ := utf8.DecodeRuneInString(line[i+utf8.RuneLen(r):]); !isHyphen(after) && after != '-' {
					b.WriteByte('-')
				}
			}
		default:
			b.WriteRune(r)
			continue
		}
		changed = true
	}
	return b.String(), changed
}

// prompt is what a shell prints before a command: [root@lvs ~]#, root@lvs:~#, lvs$. A lone # is
// none: it makes a comment.
var prompt = regexp.MustCompile(`^\s*(\[[^\]#$]*\]\s*[#$]|\$ |[\w.-]+@[\w.-]+(:\S*)?\s?[#$%>]|[A-Za-z][\w.-]*[#$]\s)\s*`)

// lists are the calls that print a listing, which stand above it where both are copied.
var lists = regexp.MustCompile(`^\s*(sudo\s+)?\S*\bipvsadm\s+(-[lLG]\S*|--list|--get-laddr)(\s.*)?\s*$`)

// unquotedPage takes away what a command has around it on a page: the prompt of a shell, and the
// fences of Markdown.
func unquotedPage(line string) string {
	if strings.HasPrefix(strings.TrimSpace(line), "```") {
		return "\n"
	}
	if at := prompt.FindStringIndex(line); at != nil && strings.Contains(line, "ipvsadm") {
		return line[at[1]:]
	}
	return line
}

// isHyphen tells whether a rune looks like a hyphen, and is none.
func isHyphen(r rune) bool { return r >= '\u2010' && r <= '\u2015' || r == '\u2212' || r == '\uff0d' }

// enter splits the text into words, without comments, which are given by their places in bytes.
func (s *source) enter(comments [][2]int) {
	line, from := 1, -1
	word := func(to int) {
		if from >= 0 {
			at := translate.Place{File: s.name, Line: line}
			s.tokens = append(s.tokens, token{from, to, s.ledger.Enter(at, s.text[from:to])})
			from = -1
		}
	}
	for i := 0; i < len(s.text); i++ {
		for len(comments) > 0 && comments[0][0] == i {
			word(i)
			i, comments = max(i, comments[0][1]), comments[1:]
		}
		if i >= len(s.text) {
			break
		}
		switch c := s.text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f':
			word(i)
			if c == '\n' {
				line++
			}
		case from < 0:
			from = i
		}
	}
	word(len(s.text))
	for _, at := range s.odd {
		s.ledger.Note(at, "M002", "letters that belong to a page, not to a command", "")
	}
}

// words returns the words that a part of the text touches, by its place in bytes.
func (s *source) words(from, to int) (out []translate.Word) {
	lo, hi := 0, len(s.tokens)
	for lo < hi {
		if mid := (lo + hi) / 2; s.tokens[mid].to <= from {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for ; lo < len(s.tokens) && s.tokens[lo].from < to; lo++ {
		out = append(out, s.tokens[lo].word)
	}
	return out
}

// call is one call of ipvsadm: its arguments, without the program.
type call struct {
	line int
	args []arg
	head []translate.Word // the program and what stands before it
}

// arg is an argument, with the words that it comes from.
type arg struct {
	text  string
	words []translate.Word
}

// text returns the call as one would write it.
func (c *call) text() string {
	texts := make([]string, len(c.args))
	for i, a := range c.args {
		texts[i] = a.text
	}
	return strings.Join(texts, " ")
}

// words returns all words of a call.
func (c *call) words() []translate.Word {
	out := append([]translate.Word(nil), c.head...)
	for _, a := range c.args {
		out = append(out, a.words...)
	}
	return out
}

// dump reads lines as `ipvsadm -R` does: words between blanks, no quotes, every "ipvsadm" is
// dropped. Comments are read over, which ipvsadm itself does only at the beginning of a line.
func (s *source) dump() (calls []*call) {
	var comments [][2]int
	for from := 0; from < len(s.text); {
		to := strings.IndexByte(s.text[from:], '\n') + from
		if to < from {
			to = len(s.text)
		}
		for i := from; i < to; i++ {
			if s.text[i] == '#' && (i == from || s.text[i-1] == ' ' || s.text[i-1] == '\t') {
				comments = append(comments, [2]int{i, to})
				break
			}
		}
		from = to + 1
	}
	s.enter(comments)
	return s.lines(0, len(s.text))
}

// lines returns the calls that the words of a part of the text are, a line each.
func (s *source) lines(from, to int) (calls []*call) {
	var c *call
	for _, w := range s.words(from, to) {
		line := s.ledger.Place(w).Line
		if c == nil || c.line != line {
			c = &call{line: line}
			calls = append(calls, c)
		}
		if text := s.ledger.Text(w); text == "ipvsadm" && len(c.args) == 0 {
			c.head = append(c.head, w)
		} else {
			c.args = append(c.args, arg{text, []translate.Word{w}})
		}
	}
	return calls
}
