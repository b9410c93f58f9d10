package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/sys/unix"
)

// screen prints for a person. It colours on a terminal only, and never with NO_COLOR.
type screen struct{ out *os.File }

func newScreen(out *os.File) *screen {
	_, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS)
	if err != nil || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		text.DisableColors()
	} else {
		text.EnableColors()
	}
	return &screen{out}
}

func (s *screen) title(n int, title string) {
	fmt.Fprintf(s.out, "\n%s\n\n", text.Bold.Sprintf("%d. %s", n, title))
}

func (s *screen) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// command shows a command line as one would type it, and what it printed.
func (s *screen) command(line, output string) {
	fmt.Fprintf(s.out, "%s\n", text.FgCyan.Sprint("   $ "+line))
	s.indented(output)
}

func (s *screen) indented(output string) {
	for line := range strings.Lines(strings.TrimRight(output, "\n")) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "+ "):
			line = text.FgGreen.Sprint(line)
		case strings.HasPrefix(strings.TrimSpace(line), "- ") && !strings.Contains(line, "name:"):
			line = text.FgRed.Sprint(line)
		case strings.HasPrefix(strings.TrimSpace(line), "~ "):
			line = text.FgYellow.Sprint(line)
		}
		fmt.Fprintf(s.out, "   %s\n", line)
	}
}

// calls prints a table of calls.
func (s *screen) calls(rows []result) {
	t := table.NewWriter()
	t.SetOutputMirror(s.out)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"client", "called", "answered by", "which saw the caller as", "", "because"})
	for _, r := range rows {
		mark := text.FgGreen.Sprint("ok")
		if !r.ok {
			mark = text.FgRed.Sprint("WRONG: want " + r.want)
		}
		t.AppendRow(table.Row{r.client, r.called, r.host, r.saw, mark, r.why})
	}
	t.Render()
}

// verdict prints the line that the demo ends with.
func (s *screen) verdict(ok bool, line string) {
	colour := text.Colors{text.FgGreen, text.Bold}
	if !ok {
		colour = text.Colors{text.FgRed, text.Bold}
	}
	fmt.Fprintf(s.out, "\n%s\n", colour.Sprint(line))
}

// proof prints a line of what was proved.
func (s *screen) proof(p proof) {
	mark := text.FgGreen.Sprint("ok   ")
	if !p.ok {
		mark = text.FgRed.Sprint("WRONG")
	}
	fmt.Fprintf(s.out, "   %s %s\n", mark, p.what)
}
