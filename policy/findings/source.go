package findings

import (
	"strings"
	"unicode"

	"github.com/snatctl/snatctl/policy"
)

// texts is the lines of the sources, split when the first of them is asked for.
type texts struct {
	sources map[string]policy.Source
	lines   map[string][]string
	last    struct { // the line that was asked for last: findings are sorted, and lines may be long
		file  string
		line  int
		runes []rune
	}
}

func newTexts(sources []policy.Source) *texts {
	t := &texts{sources: map[string]policy.Source{}, lines: map[string][]string{}}
	for _, s := range sources {
		t.sources[s.Name] = s
	}
	return t
}

// at returns the line that a place is on, and whether there is one.
func (t *texts) at(pos policy.Pos) (string, bool) {
	if _, split := t.lines[pos.File]; !split {
		t.lines[pos.File] = policy.Lines(t.sources[pos.File])
	}
	lines := t.lines[pos.File]
	if pos.Line < 1 || pos.Line > len(lines) {
		return "", false
	}
	return lines[pos.Line-1], true
}

// region is a place with its end: what a finding is about, for carets and for editors.
// Columns start at 1 and count characters; End is the column behind the last one.
type region struct {
	line       []rune
	Start, End int
}

// text returns the text there; empty behind the end of the line.
func (reg region) text() string {
	return string(reg.line[reg.Start-1 : min(reg.End-1, len(reg.line))])
}

// region returns the text at a place, and whether the source has it.
func (t *texts) region(pos policy.Pos) (region, bool) {
	line, ok := t.at(pos)
	if !ok {
		return region{}, false
	}
	if l := &t.last; l.runes == nil || l.file != pos.File || l.line != pos.Line {
		l.file, l.line, l.runes = pos.File, pos.Line, []rune(line)
	}
	runes := t.last.runes
	start := min(max(pos.Col-1, 0), len(runes))
	return region{runes, start + 1, start + 1 + extent(runes[start:])}, true
}

// extent returns how many characters the YAML scalar has that a text begins with, as far as
// one line shows it: at least 1, and 1 for lists and mappings.
func extent(text []rune) int {
	if len(text) == 0 {
		return 1
	}
	switch quote := text[0]; quote {
	case '[', '{':
		return 1
	case '"', '\'':
		for i := 1; i < len(text); i++ {
			switch {
			case quote == '"' && text[i] == '\\':
				i++
			case text[i] == quote:
				return i + 1
			}
		}
		return len(text)
	}
	end := len(text)
	for i, c := range text {
		last := i+1 == len(text)
		if strings.ContainsRune(",]}", c) || c == ':' && (last || unicode.IsSpace(text[i+1])) || c == '#' && i > 0 && unicode.IsSpace(text[i-1]) {
			end = i
			break
		}
	}
	for end > 0 && unicode.IsSpace(text[end-1]) {
		end--
	}
	return max(end, 1)
}

// visible replaces what would move a terminal's cursor or change its state; tabs stay.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
