package findings

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// GitHub writes findings as annotations. What is suppressed is left out.
func (r *Report) GitHub(w io.Writer) error {
	out := bufio.NewWriter(w)
	texts := newTexts(r.Sources)
	command := map[policy.Severity]string{policy.Error: "error", policy.Warning: "warning", policy.Info: "notice"}
	for _, f := range r.Open() {
		a := Annotation{Command: command[f.Severity], Pos: f.Pos, Title: "snatctl lint " + f.Code, Message: visible(f.Msg)}
		if reg, ok := texts.region(f.Pos); ok {
			a.End = reg.End
		}
		if f.Hint != "" {
			a.Message += "\nhint: " + visible(f.Hint)
		}
		fmt.Fprintln(out, a)
	}
	return out.Flush()
}

// Annotation is a line that makes a GitHub workflow show a message beside a file's line
// (docs.github.com, "Workflow commands for GitHub Actions").
type Annotation struct {
	Command string // error, warning or notice
	Pos     policy.Pos
	End     int    // column behind the last one; 0: not known
	Title   string // may be empty
	Message string
}

// String returns the line, escaped and without its end.
func (a Annotation) String() string {
	var at []string
	property := func(name, value string) { at = append(at, name+"="+plain.Text(githubProperty.Replace(value))) }
	if a.Pos.File != "" {
		property("file", a.Pos.File)
	}
	if a.Pos.Line > 0 {
		property("line", strconv.Itoa(a.Pos.Line))
		property("col", strconv.Itoa(a.Pos.Col))
	}
	if a.End > 0 {
		property("endColumn", strconv.Itoa(a.End))
	}
	if a.Title != "" {
		property("title", a.Title)
	}
	return strings.TrimSuffix("::"+a.Command+" "+strings.Join(at, ","), " ") + "::" + plain.Text(githubMessage.Replace(a.Message))
}

// What a workflow command must not hold, as github.com/actions/toolkit escapes it
// (packages/core/src/command.ts).
var (
	githubMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
