package findings

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// widest is how many characters of a source line Text shows around a place. Lists of
// thousands of addresses on one line are common.
const widest = 120

// Text writes findings for people: the place, what is wrong, the source line with what it is
// about underlined, and the way out. Colour is by ANSI escape sequences.
func (r *Report) Text(w io.Writer, colour bool) error {
	out := bufio.NewWriter(plain.NewWriter(w, colour))
	texts := newTexts(r.Sources)
	for _, f := range r.Open() {
		paint := severityColour(f.Severity)
		fmt.Fprintf(out, "%s%s: %s [%s]\n", visible(f.place()), plain.Paint(paint, string(f.Severity)), visible(f.Msg), f.Code)
		if reg, ok := texts.region(f.Pos); ok {
			line, caret := reg.underline()
			fmt.Fprintf(out, "    %s\n    %s%s\n", line, caret[0], plain.Paint(paint, caret[1]))
		}
		if f.Hint != "" {
			fmt.Fprintf(out, "    hint: %s\n", visible(f.Hint))
		}
	}
	return out.Flush()
}

func severityColour(s policy.Severity) string {
	switch s {
	case policy.Error:
		return "1;31"
	case policy.Warning:
		return "1;33"
	}
	return "1;36"
}

// underline returns the line, cut to what a screen holds, and below it blanks and the marks
// under the region. Tabs stay tabs in both, so that they are as wide as the terminal has them.
func (reg region) underline() (line string, caret [2]string) {
	runes := reg.line
	start, end := reg.Start-1, min(reg.End-1, len(runes))
	before, after := "", ""
	first, last := 0, len(runes)
	if last > widest {
		first = max(0, min(start-widest/3, last-widest))
		last = first + widest
	}
	if first > 0 {
		before = "…"
	}
	if last < len(runes) {
		after = "…"
	}
	var blanks, marks strings.Builder
	width := runewidth.Condition{StrictEmojiNeutral: true} // not by the environment: output is the same everywhere
	blanks.WriteString(strings.Repeat(" ", width.StringWidth(before)))
	for _, r := range runes[first:start] {
		if r == '\t' {
			blanks.WriteRune('\t')
			continue
		}
		blanks.WriteString(strings.Repeat(" ", width.StringWidth(visible(string(r)))))
	}
	under := 1
	if end > start {
		under = max(1, width.StringWidth(visible(string(runes[start:min(end, last)]))))
	}
	marks.WriteString("^" + strings.Repeat("~", under-1))
	return before + visible(string(runes[first:last])) + after, [2]string{blanks.String(), marks.String()}
}
