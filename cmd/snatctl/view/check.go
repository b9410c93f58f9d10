package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// Check prints one line that a monitoring system shows, and the problems behind it.
func Check(w io.Writer, s gateway.Survey) {
	worst, problems := s.Verdict()
	word := "OK"
	if worst != 0 {
		word = strings.ToUpper(worst.String())
	}
	what := plain.Count(len(problems), "problem")
	switch len(problems) {
	case 0:
		what = "no problems"
	case 1:
		what = strings.ReplaceAll(about(problems[0]), "|", "/")
	}
	fmt.Fprintf(w, "%s: %s; %s | %s\n", word, what, refused(s), perfdata(s))
	if len(problems) > 1 {
		for _, p := range problems {
			fmt.Fprintln(w, problem(p))
		}
	}
}

// Unchecked prints the line in place of Check's where the state could not be read.
func Unchecked(w io.Writer, err error) { fmt.Fprintln(w, "CRITICAL: "+err.Error()) }

// problem returns "warning: zone office: …", safe to print.
func problem(p ct.Problem) string {
	return p.Severity.String() + ": " + about(p)
}

// about names the object, unless the text begins with it.
func about(p ct.Problem) string {
	if strings.HasPrefix(p.Text, p.Object+":") {
		return plain.Text(p.Text)
	}
	return plain.Text(p.Object + ": " + p.Text)
}

// perfdata is what monitoring systems draw (Monitoring Plugins Development Guidelines, "Performance
// data"): value, warning, critical, least and most.
func perfdata(s gateway.Survey) string {
	c, t := s.Conntrack, s.Totals
	return fmt.Sprintf("entries=%d;%d;%d;0;%d owned=%d past=%d insert_failed=%dc drop=%dc",
		c.Entries, c.Max*80/100, c.Max*95/100, c.Max, t.Owned, t.Past, s.Stats.InsertFailed, s.Stats.Drop)
}

// refused says how many connections conntrack has refused. The kernel counts them for the
// whole namespace, not by laddr.
func refused(s gateway.Survey) string {
	return fmt.Sprintf("new connections refused since boot: insert_failed %d, drop %d", s.Stats.InsertFailed, s.Stats.Drop)
}
