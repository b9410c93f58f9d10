package plain

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"web-1 büro 办公室":         "web-1 büro 办公室",
		"esc\x1b[31m.yaml":       `esc\x1b[31m.yaml`,
		"two\nlines\r\t":         `two\nlines\r\t`,
		"bad \xff byte":          `bad \xff byte`,
		"\u202egpj.exe":          `\u202egpj.exe`,
		"c1 \u009b31m":           `c1 \u009b31m`,
		string(colourOn) + "31m": `\ufdd031m`,
		"del\x7f":                `del\x7f`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// TestWriter: in one piece or byte by byte, a reader sees the same.
func TestWriter(t *testing.T) {
	for _, c := range []struct{ in, plain, coloured string }{
		{"a\tline\nand another: 办\n", "a\tline\nand another: 办\n", "a\tline\nand another: 办\n"},
		{"name\x1b[31m\a\n", "name\\x1b[31m\\x07\n", "name\\x1b[31m\\x07\n"},
		{"::error::x\n  ::stop-commands::y\nok ::error::z\n", "\\x3a:error::x\n  \\x3a:stop-commands::y\nok ::error::z\n", "\\x3a:error::x\n  \\x3a:stop-commands::y\nok ::error::z\n"},
		{"##[group]x\n::1 is an address\n", "\\x23#[group]x\n::1 is an address\n", "\\x23#[group]x\n::1 is an address\n"},
		{Paint("31", "- zone") + " gone\n", "- zone gone\n", "\x1b[31m- zone\x1b[0m gone\n"},
		{string(colourOn) + "31;bad" + string(colourOff) + "\n", "\\ufdd031;bad\\ufdd1\n", "\\ufdd031;bad\\ufdd1\n"},
	} {
		for colour, want := range map[bool]string{false: c.plain, true: c.coloured} {
			var b bytes.Buffer
			if _, err := NewWriter(&b, colour).Write([]byte(c.in)); err != nil || b.String() != want {
				t.Errorf("%q, colour %v: got %q, %v; want %q", c.in, colour, b.String(), err, want)
			}
		}
	}
	text := "büro 办\x1b " + Paint("31;1", "gone") + string(colourOn) + "x\n"
	for colour, want := range map[bool]string{false: "büro 办\\x1b gone\\ufdd0x\n", true: "büro 办\\x1b \x1b[31;1mgone\x1b[0m\\ufdd0x\n"} {
		var b bytes.Buffer
		w := NewWriter(&b, colour)
		for _, c := range []byte(text) {
			w.Write([]byte{c})
		}
		if b.String() != want {
			t.Errorf("byte by byte, colour %v: got %q, want %q", colour, b.String(), want)
		}
	}
}

// A command is seen however it is cut: a reader sees the same as of one piece.
func TestCutCommands(t *testing.T) {
	for _, text := range []string{
		"::stop-commands::x\n", "  ::error file=a,line=1::x\nok\n", "##[group]x\n", "::1 is an address\n", "::ffff is no command\n::\n:\n#\n##\nnext\n",
		"a ::error::x\n::warning::y\n", Paint("31", "::error::") + "x\n", "::" + strings.Repeat("x", longestHeld) + "\nnext\n", "::é::x\n",
	} {
		var whole bytes.Buffer
		NewWriter(&whole, false).Write([]byte(text))
		for cut := range len(text) {
			var b bytes.Buffer
			w := NewWriter(&b, false)
			w.Write([]byte(text[:cut]))
			w.Write([]byte(text[cut:]))
			if b.String() != whole.String() {
				t.Errorf("cut at %d: got %q, want %q", cut, b.String(), whole.String())
			}
		}
		for line := range strings.Lines(whole.String()) {
			if line = strings.TrimSpace(line); isCommand(line) {
				t.Errorf("%q becomes the command %q", text, line)
			}
		}
	}
	var b bytes.Buffer
	w := NewWriter(&b, false)
	w.Write([]byte("::debug"))
	w.Write([]byte("::secret\n"))
	if b.String() != "\\x3a:debug::secret\n" {
		t.Errorf("got %q", b.String())
	}
}

type full struct{ writes int }

func (f *full) Write([]byte) (int, error) { f.writes++; return 0, errors.New("disk full") }

func TestFirstErrorStays(t *testing.T) {
	f := &full{}
	w := NewWriter(f, false)
	w.Write([]byte("a\n"))
	w.Write([]byte("b\n"))
	if w.Err() == nil || f.writes != 1 {
		t.Errorf("error %v after %d writes, want one", w.Err(), f.writes)
	}
}

// TestManyWrite: goroutines may write at a time; no line is cut.
func TestManyWrite(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, false)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				w.Write([]byte("a line\n"))
			}
		})
	}
	all.Wait()
	if got, want := b.String(), strings.Repeat("a line\n", 800); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}
