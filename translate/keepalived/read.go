package keepalived

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/translate"
)

// Files finds the files that an include names. From is the file that has the include; the
// pattern may be relative to its directory and hold what glob(3) knows, with braces. None is no
// error. They come sorted, as glob returns them.
type Files func(from, pattern string) ([]policy.Source, error)

// Statement is one keyword with its words, and its block where it has one.
type Statement struct {
	At     translate.Place // of the line; what a definition brings is at the line that uses it
	Words  []string
	Quoted []bool           // of Words: it stood between "
	Refs   []translate.Word // of Words, in the ledger
	Text   string           // as it was written, after definitions
	Block  bool
	Body   []*Statement
	End    translate.Place // of the closing brace
}

// Word returns a word, the keyword being 0, and "" where there is none.
func (s *Statement) Word(i int) string {
	if i < len(s.Words) {
		return s.Words[i]
	}
	return ""
}

// Tree is a configuration that was read: definitions, conditions, repetitions and includes are
// carried out, and accounted for in the ledger. Of the words of statements nothing is known there yet.
type Tree struct {
	Statements []*Statement
	Ledger     *translate.Ledger
	Files      []string // all that were read, in the order of the first time
}

// Limits of what is read. A configuration that was written to be read by people is far below.
const (
	maxFiles    = 4096     // files that are included, counted every time
	maxIncludes = 32       // includes within each other
	maxBlocks   = 64       // blocks within each other
	maxText     = 64 << 20 // bytes of lines, after definitions
	maxLine     = 64 << 10 // bytes of one line, after definitions
	maxReplaced = 4096     // definitions that one line uses, also by way of others
	maxWithin   = 64       // definitions of several lines, and repetitions, within each other
)

// limits are those that repetitions come to.
type limits struct {
	statements int // in the tree
	steps      int // lines that are looked at, also those that give nothing
}

var usual = limits{statements: 1 << 20, steps: 2 << 20}

// Read reads a configuration as keepalived does (lib/parser.c of 2.2.7). ID is what conditions
// are compared with; keepalived takes the host's name unless -i says something else. Files may be
// nil: then includes find nothing. An error is a translate.Unreadable.
func Read(src policy.Source, id string, files Files) (*Tree, error) {
	return readWithin(src, id, files, usual)
}

func readWithin(src policy.Source, id string, files Files, most limits) (t *Tree, err error) {
	r := &reader{limits: most, id: id, files: files, defs: make(map[string]*definition), ledger: new(translate.Ledger), tree: new(Tree)}
	defer func() {
		if bad := recover(); bad != nil {
			p, ours := bad.(translate.Problem)
			if !ours {
				panic(bad)
			}
			t, err = nil, translate.Unreadable{p}
		}
	}()
	r.file(src)
	if len(r.open) > 0 {
		s := r.open[len(r.open)-1]
		r.fail(s.opened, "the block of %s has no closing }", s.Word(0))
	}
	for _, name := range slices.Sorted(maps.Keys(r.defs)) {
		r.unused(r.defs[name])
	}
	r.tree.Ledger = r.ledger
	return r.tree, nil
}

type reader struct {
	limits
	id     string
	files  Files
	defs   map[string]*definition
	ledger *translate.Ledger
	tree   *Tree

	inputs []*input
	open   []opened
	last   *Statement // that a { would give a block
	made   int        // statements
	looked int        // at lines
	text   int
	within int
	read   int
}

type opened struct {
	*Statement
	opened translate.Place // of the brace
}

// input is a file that is being read.
type input struct {
	name  string
	lines []string
	at    int // of the line that is next
}

// fail ends reading. It panics with a Problem, which Read returns: an error may come from within
// includes, repetitions and definitions, each a call of its own.
func (r *reader) fail(at translate.Place, format string, args ...any) {
	panic(translate.Problem{Place: at, Msg: fmt.Sprintf(format, args...)})
}

// words enters the words of a line that is no statement.
func (r *reader) words(text string) (refs []translate.Word) {
	for _, word := range strings.Fields(text) {
		refs = append(refs, r.ledger.Enter(r.here(), word))
	}
	return refs
}

// here returns the line that was read last.
func (r *reader) here() translate.Place {
	in := r.inputs[len(r.inputs)-1]
	return translate.Place{File: in.name, Line: in.at}
}

func (r *reader) file(src policy.Source) {
	if r.read++; r.read > maxFiles {
		r.fail(translate.Place{File: src.Name, Line: 1}, "over %d files are included", maxFiles)
	}
	for _, in := range r.inputs {
		if in.name == src.Name {
			r.fail(r.here(), "%s includes itself", src.Name)
		}
	}
	if !slices.Contains(r.tree.Files, src.Name) {
		r.tree.Files = append(r.tree.Files, src.Name)
	}
	text := strings.TrimPrefix(string(src.Data), "\ufeff")
	in := &input{name: src.Name, lines: strings.Split(text, "\n")}
	r.inputs = append(r.inputs, in)
	for line, some := r.next(); some; line, some = r.next() {
		if line != "" {
			r.line(line)
		}
	}
	r.inputs = r.inputs[:len(r.inputs)-1]
}

// next returns the next line without its comment and blanks at both ends, and false at the end
// of the file.
func (r *reader) next() (string, bool) {
	in := r.inputs[len(r.inputs)-1]
	if in.at == len(in.lines) {
		return "", false
	}
	line := strings.TrimRight(in.lines[in.at], "\r")
	in.at++
	if len(line) > maxLine {
		r.fail(r.here(), "the line has over %d bytes", maxLine)
	}
	if strings.IndexByte(line, 0) >= 0 {
		r.fail(r.here(), "the line has a zero byte; this is no keepalived.conf")
	}
	if plain := ascii.Replace(line); plain != line {
		if decomment(plain) != "" {
			r.ledger.Note(r.here(), "M002", strings.TrimSpace(line), "")
		}
		line = plain
	}
	return r.decomment(line), true
}

// ascii makes of blanks, dashes and quotes that word processors put into text those that are meant.
var ascii = strings.NewReplacer("\u3000", " ", "\u00a0", " ", "\u2013", "-", "\u2014", "-", "\u2212", "-",
	"\u201c", `"`, "\u201d", `"`, "\u2018", "'", "\u2019", "'")

func (r *reader) decomment(line string) string {
	out := decomment(line)
	if r.text += len(out); r.text > maxText {
		r.fail(r.here(), "definitions and repetitions make over %d MiB of text of the files", maxText>>20)
	}
	return out
}

// decomment removes the comment, blanks at both ends, and the \ before # and ! that are no
// comments. A \ at the end stays, behind no blank: the line goes on.
func decomment(line string) string {
	line = strings.TrimLeft(line, " \t")
	var out strings.Builder
	quote, continued, comment := false, false, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '\\' && i+1 == len(line) {
			continued = true // also at the end of a comment
			break
		}
		if comment {
			if c == '\\' {
				i++
			}
			continue
		}
		switch {
		case c == '"':
			quote = !quote
		case c == '\\' && !quote && (line[i+1] == '#' || line[i+1] == '!'):
			i++
			c = line[i]
		case c == '\\':
			out.WriteByte(c)
			i++
			c = line[i]
		case !quote && (c == '#' || c == '!'):
			comment = true
			continue
		}
		out.WriteByte(c)
	}
	text := strings.TrimRight(out.String(), " \t")
	if continued {
		text += `\`
	}
	return text
}
