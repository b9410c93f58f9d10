// Package plain makes text that comes from outside safe to print: file names, names read back
// from a kernel table, comments, user names. On a terminal such text must not move the cursor
// or change colours, it must not forge a line of its own, and in the log of a GitHub workflow
// it must not give commands.
package plain

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Text returns a value as it may be written within a line: characters that are not graphic, line
// breaks and tabs among them, become escapes as in Go's strings. What is graphic throughout
// stays as it is.
func Text(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }) {
		return s
	}
	var b strings.Builder
	for i, w := 0, 0; i < len(s); i += w {
		var r rune
		r, w = utf8.DecodeRuneInString(s[i:])
		escape(&b, r, s[i:i+w])
	}
	return b.String()
}

// escape writes a rune, or its escape. raw is how it is encoded.
func escape(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1, r < utf8.RuneSelf && !unicode.IsGraphic(r) && r != '\n' && r != '\t' && r != '\r':
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\t':
		b.WriteString(`\t`)
	case r == '\r':
		b.WriteString(`\r`)
	case !unicode.IsGraphic(r) && r > 0xffff:
		fmt.Fprintf(b, `\U%08x`, r)
	case !unicode.IsGraphic(r):
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		b.WriteString(raw)
	}
}

// Colours are marked in text by two of Unicode's noncharacters, which no keyboard makes and
// Text escapes, until a Writer turns them into ANSI escape sequences.
const (
	colourOn  = '\uFDD0'
	colourOff = '\uFDD1'
)

// Paint returns text that a Writer shows in a colour: an SGR parameter of ECMA-48, as in "31".
// The text must be safe already, see Text.
func Paint(colour, text string) string {
	return string(colourOn) + colour + string(colourOff) + text + string(colourOn) + "0" + string(colourOff)
}

// Writer writes lines of text, and escapes what is neither graphic nor a line's end or a tab.
// A line that a GitHub workflow would take for a command ("::name::", "##[name]") has its
// first character escaped; what may become one waits for the rest of its line. The first error stays, and nothing is written after it. It is safe for
// concurrent use, as files are.
type Writer struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
	within bool   // a line has begun with something that is no blank
	rest   string // the beginning of a character, a colour or what may be a command that was cut
	err    error
}

// NewWriter returns a Writer on w. Colours reach it only if that is asked for.
func NewWriter(w io.Writer, colour bool) *Writer { return &Writer{w: w, colour: colour} }

// Colour tells whether colours reach the reader.
func (w *Writer) Colour() bool { return w.colour }

// Err returns the first error.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Write writes text. The error is that of the underlying writer, now or before.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return 0, w.err
	}
	s := w.rest + string(p)
	w.rest = ""
	var b strings.Builder
	for i, n := 0, 0; i < len(s); i += n {
		if isCut(s[i:]) || !w.within && isCutCommand(s[i:]) {
			w.rest = s[i:]
			break
		}
		var r rune
		r, n = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			b.WriteByte('\n')
			w.within = false
			continue
		case r == '\t':
			b.WriteByte('\t')
			continue
		case r == colourOn:
			if code, ok := colourCode(s[i+n:]); ok {
				if w.colour {
					b.WriteString("\x1b[" + code + "m")
				}
				n += len(code) + len(string(colourOff))
				continue
			}
		case !w.within && isCommand(s[i:]):
			fmt.Fprintf(&b, `\x%02x`, s[i])
			w.within = true
			continue
		}
		w.within = w.within || !unicode.IsSpace(r)
		escape(&b, r, s[i:i+n])
	}
	if _, w.err = io.WriteString(w.w, b.String()); w.err != nil {
		return 0, w.err
	}
	return len(p), nil
}

// isCut tells whether text begins with a part of a character or of a colour, and ends there.
func isCut(s string) bool {
	if s[0] < utf8.RuneSelf {
		return false
	}
	if after, ok := strings.CutPrefix(s, string(colourOn)); ok {
		after = strings.TrimLeft(after, "0123456789;")
		return len(s) < longestColour && len(after) < len(string(colourOff)) && strings.HasPrefix(string(colourOff), after)
	}
	return !utf8.FullRuneInString(s)
}

// longestColour is the bytes of the longest colour that a Writer takes.
const longestColour = len(string(colourOn)) + longestCode + len(string(colourOff))

// longestCode is the characters of its parameters.
const longestCode = 8

// colourCode returns the parameters of a colour, if text begins with some and their end.
func colourCode(s string) (string, bool) {
	code, _, ok := strings.Cut(s, string(colourOff))
	return code, ok && code != "" && len(code) <= longestCode && strings.Trim(code, "0123456789;") == ""
}

// isCommand tells whether a line that begins so may be a workflow command
// (github.com/actions/runner, src/Runner.Common/ActionCommand.cs). An IPv6 address as in
// "::1" is none.
func isCommand(s string) bool {
	line, _, _ := strings.Cut(s, "\n")
	if after, ok := strings.CutPrefix(line, "::"); ok {
		return startsName(after) && (strings.Contains(after, "::") || len(line) >= longestHeld)
	}
	return strings.HasPrefix(line, "##[")
}

// isCutCommand tells whether a line begins as a command may, and ends before that is certain. What follows
// in another write decides; if no more comes, the line has no end and is none.
func isCutCommand(s string) bool {
	if strings.Contains(s, "\n") {
		return false
	}
	if after, ok := strings.CutPrefix(s, "::"); ok {
		return after == "" || startsName(after) && !strings.Contains(after, "::") && len(s) < longestHeld
	}
	return s == ":" || s == "#" || s == "##"
}

// longestHeld is how much of a line waits for its end, in bytes. A longer one counts as a command.
const longestHeld = 4096

func startsName(s string) bool { return s != "" && unicode.IsLetter(rune(s[0])) }
