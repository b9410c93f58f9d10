package findings

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/snatctl/snatctl/policy"
)

// TestExtent: what a scalar is, as far as one line shows it.
func TestExtent(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.5/24, laddrs: x}": "10.0.0.5/24",
		"10.0.0.5/24  # because":  "10.0.0.5/24",
		"::/0]":                   "::/0",
		"fd00::1":                 "fd00::1",
		"from: 10.1.0.0/16":       "from",
		"services:":               "services",
		`"a \" b, c" , d`:         `"a \" b, c"`,
		`'it''s' }`:               `'it'`, // one finding has one mark: enough to see it
		`"open`:                   `"open`,
		`"open\`:                  `"open\`,
		"{name: x}":               "{",
		"[a, b]":                  "[",
		"a#b c":                   "a#b c",
		"办公室, b":                  "办公室",
		", x":                     ",",
		" ":                       " ",
	} {
		runes := []rune(text)
		if got := string(runes[:extent(runes)]); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if extent(nil) != 1 {
		t.Error("the end of a line has no extent")
	}
}

// TestLines: lines are those that the loader counts, whatever ends them, and there is no mark
// of byte order.
func TestLines(t *testing.T) {
	texts := newTexts([]policy.Source{{Name: "f", Data: []byte("\xef\xbb\xbfone\r\ntwo\rthree\n\nfive")}})
	for i, want := range []string{"one", "two", "three", "", "five"} {
		if got, ok := texts.at(policy.Pos{File: "f", Line: i + 1}); !ok || got != want {
			t.Errorf("line %d is %q, %v; want %q", i+1, got, ok, want)
		}
	}
	for _, pos := range []policy.Pos{{File: "f"}, {File: "f", Line: 6}, {File: "g", Line: 2}, {}} {
		if line, ok := texts.at(pos); ok {
			t.Errorf("%+v is the line %q", pos, line)
		}
	}
}

// FuzzUnderline: whatever the line and wherever the place, the marks stand on the screen and
// nothing moves the cursor.
func FuzzUnderline(f *testing.F) {
	f.Add("  - {name: office,\tfrom: 10.0.0.5/24}", 20)
	f.Add(strings.Repeat("办公室, ", 100), 250)
	f.Add("\x1b[31m\u202e", 1)
	f.Add("", 7)
	f.Fuzz(func(t *testing.T, line string, col int) {
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
			t.Skip()
		}
		reg, ok := newTexts([]policy.Source{{Name: "f", Data: []byte("x\n" + line)}}).region(policy.Pos{File: "f", Line: 2, Col: col})
		if !ok || reg.Start < 1 || reg.End <= reg.Start {
			t.Fatalf("the region is %+v, %v", reg, ok)
		}
		shown, caret := reg.underline()
		if strings.Trim(caret[0], " \t") != "" || !strings.HasPrefix(caret[1], "^") || strings.Trim(caret[1][1:], "~") != "" {
			t.Errorf("the marks are %q", caret)
		}
		if n := utf8.RuneCountInString(shown); n > widest+2 {
			t.Errorf("%d characters of the line are shown", n)
		}
		if strings.ContainsRune(shown, '\x1b') {
			t.Errorf("%q holds an escape", shown)
		}
	})
}
