package keepalived

import (
	"path"
	"strings"

	"github.com/snatctl/snatctl/translate"
)

// definition is what $NAME stands for.
type definition struct {
	lines []string // the first takes the place of $NAME, the others follow as lines
	multi bool     // written as several lines, so it is used at the end of lines only
	used  bool
	refs  []translate.Word // where it is written
}

// line reads a line of a file, of a definition or of a repetition: text, if it is not one of
// the forms that work on lines.
func (r *reader) line(line string) {
	if r.within++; r.within > maxWithin {
		r.fail(r.here(), "over %d definitions and repetitions are used within each other", maxWithin)
	}
	defer func() { r.within-- }()
	if r.looked++; r.looked > r.steps {
		r.fail(r.here(), "repetitions make over %d lines of the files", r.steps)
	}
	line, follow := r.expand(line)
	if line != "" && !r.include(line) {
		r.split(line)
	}
	for _, l := range follow {
		r.line(l)
	}
}

// expand returns what is left of a line once its conditions, definitions and repetitions are
// carried out, and the lines that follow where a definition of several lines ended it.
func (r *reader) expand(line string) (out string, follow []string) {
	for used := 0; line != ""; {
		switch {
		case line[0] == '@':
			line = r.condition(line)
			continue
		case line[0] == '$' && r.define(line):
			return "", follow
		case strings.HasPrefix(line, "~SEQ"), strings.HasPrefix(line, "~LST"):
			r.repeat(line)
			return "", follow
		}
		before := used
		for {
			next, more, some := r.replace(line)
			if !some {
				break
			}
			if used++; used > maxReplaced {
				r.fail(r.here(), "definitions are used over %d times in one line: one of them may stand for itself", maxReplaced)
			}
			line, follow = next, append(more, follow...)
		}
		if used == before {
			return line, follow
		}
		line = r.decomment(line)
	}
	return "", follow
}

// condition returns the line behind an @id that holds, and "" for one that does not.
func (r *reader) condition(line string) string {
	end := strings.IndexAny(line, " \t")
	if end < 0 { // keepalived skips it, too
		r.ledger.Whole(r.words(line)...)
		return ""
	}
	id, not := strings.CutPrefix(line[1:end], "^")
	holds := id == r.id && r.id != ""
	if holds == not {
		r.ledger.ReportAs("M201", line, "", r.words(line)...)
		return ""
	}
	r.ledger.Whole(r.words(line[:end])...)
	return strings.TrimLeft(line[end:], " \t")
}

// nameEnd returns where a definition's name that begins at i ends, and i if there is none.
func nameEnd(s string, i int) int {
	end := i
	for end < len(s) && (s[end] == '_' || letter(s[end]) || end > i && digit(s[end])) {
		end++
	}
	return end
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// define enters $NAME=VALUE, and returns false for a line that is none. A value whose line ends
// with \ goes on in the next one.
func (r *reader) define(line string) bool {
	end := nameEnd(line, 1)
	if end == 1 {
		return false
	}
	value := strings.TrimLeft(line[end:], " \t")
	if !strings.HasPrefix(value, "=") {
		return false
	}
	value = strings.TrimLeft(value[1:], " \t")
	d := &definition{refs: r.words(line)}
	for {
		body, more := strings.CutSuffix(value, `\`)
		if !more {
			if value != "" || len(d.lines) == 0 {
				d.lines = append(d.lines, value)
			}
			break
		}
		d.multi = true
		if body = strings.TrimRight(body, " \t"); body != "" {
			d.lines = append(d.lines, body)
		}
		var some bool
		if value, some = r.next(); !some || value == "" {
			break // an empty line ends it
		}
		d.refs = append(d.refs, r.words(value)...)
	}
	if len(d.lines) == 0 {
		d.lines, d.multi = []string{""}, false
	}
	if was := r.defs[line[1:end]]; was != nil {
		r.unused(was)
	}
	r.defs[line[1:end]] = d
	return true
}

// unused accounts for a definition that is used no more.
func (r *reader) unused(d *definition) {
	switch {
	case len(d.refs) == 0: // of a repetition
	case d.used:
		r.ledger.Whole(d.refs...)
	default:
		r.ledger.Report("M205", "", d.refs...)
	}
}

// replace puts the value of the first definition that a line uses in its place, and returns the
// lines that follow where it has several. A name that is not defined stays.
func (r *reader) replace(line string) (out string, more []string, some bool) {
	for i := 0; i < len(line); i++ {
		if line[i] != '$' {
			continue
		}
		from, brace := i+1, false
		if from < len(line) && line[from] == '{' {
			from, brace = from+1, true
		}
		end := nameEnd(line, from)
		if end == from {
			continue
		}
		name, after := line[from:end], end
		if brace {
			close := strings.IndexByte(line[end:], '}')
			if close < 0 || strings.Trim(line[end:end+close], " 0123456789") != "" {
				continue
			}
			if close > 0 { // ${_RANDOM 1 10}
				name = "" // only definitions of keepalived's own have parameters
			}
			after = end + close + 1
		} else if end < len(line) && !strings.ContainsRune(" \t,)", rune(line[end])) {
			continue
		}
		value, some := r.value(name)
		if !some {
			if strings.HasPrefix(line[from:end], "_") {
				r.ledger.Note(r.here(), "M203", line[i:after], "")
			}
			continue
		}
		if value.multi && after != len(line) {
			continue
		}
		out = line[:i] + value.lines[0] + line[after:]
		if len(out) > maxLine {
			r.fail(r.here(), "definitions make a line of over %d bytes", maxLine)
		}
		value.used = true
		r.ledger.Whole(r.ledger.Enter(r.here(), line[i:after]))
		return out, value.lines[1:], true
	}
	return line, nil, false
}

// value returns a definition, or one of those that keepalived makes.
func (r *reader) value(name string) (*definition, bool) {
	if d := r.defs[name]; d != nil {
		return d, true
	}
	one := func(s string) (*definition, bool) { return &definition{lines: []string{s}}, true }
	switch name {
	case "_PWD":
		return one(path.Dir(r.here().File))
	case "_INSTANCE":
		if r.id != "" {
			return one(r.id)
		}
	case "_HASH":
		return one(`\#`)
	case "_BANG":
		return one(`\!`)
	}
	return nil, false
}

// include reads the files that a line includes, and returns false for a line that is no include.
func (r *reader) include(line string) bool {
	rest, ours := strings.CutPrefix(line, "include")
	if !ours || rest == "" {
		return false
	}
	if strings.ContainsRune("rmwba", rune(rest[0])) {
		rest = rest[1:]
	}
	pattern := strings.TrimLeft(rest, " \t")
	if pattern == rest || pattern == "" {
		return false
	}
	if len(r.inputs) >= maxIncludes {
		r.fail(r.here(), "includes are over %d deep", maxIncludes)
	}
	pattern = strings.Trim(pattern, `"`)
	at, refs, found := r.here(), r.words(line), 0
	if r.files != nil {
		sources, err := r.files(at.File, pattern)
		if err != nil {
			r.fail(at, "include %s: %v", pattern, err)
		}
		for _, src := range sources {
			found++
			r.file(src)
		}
	}
	if found == 0 {
		r.ledger.Report("M202", "", refs...)
	} else {
		r.ledger.Whole(refs...)
	}
	return true
}
