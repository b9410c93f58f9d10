package findings

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/snatctl/snatctl/policy"
)

// GitHub writes findings as annotations of a GitHub workflow (docs.github.com, "Workflow
// commands for GitHub Actions"). What is suppressed is left out.
func (r *Report) GitHub(w io.Writer) error {
	out := bufio.NewWriter(w)
	texts := newTexts(r.Sources)
	command := map[policy.Severity]string{policy.Error: "error", policy.Warning: "warning", policy.Info: "notice"}
	for _, f := range r.Open() {
		place := ""
		if f.Pos.File != "" {
			place = "file=" + githubProperty.Replace(f.Pos.File) + ","
		}
		if reg, ok := texts.region(f.Pos); ok {
			place += fmt.Sprintf("line=%d,col=%d,endColumn=%d,", f.Pos.Line, reg.Start, reg.End)
		}
		msg := visible(f.Msg)
		if f.Hint != "" {
			msg += "\nhint: " + visible(f.Hint)
		}
		fmt.Fprintf(out, "::%s %stitle=%s::%s\n", command[f.Severity], place, githubProperty.Replace("snatctl lint "+f.Code), githubMessage.Replace(msg))
	}
	return out.Flush()
}

// What a workflow command must not hold, as github.com/actions/toolkit escapes it
// (packages/core/src/command.ts).
var (
	githubMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
