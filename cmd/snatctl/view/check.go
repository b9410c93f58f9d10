package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// mostProblems bounds how many problems are listed: monitoring systems cut off what is longer than some
// kilobytes, and the worst come first.
const mostProblems = 50

// Check prints one line that a monitoring system shows, and the problems behind it. k is what the agent
// knows that keeps the table.
func Check(w io.Writer, s gateway.Survey, k *report.Kept) {
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
		what = unpiped(about(problems[0]))
	}
	fmt.Fprintf(w, "%s: %s; %s | %s\n", word, what, refused(s), perfdata(s)+known(k))
	if len(problems) > 1 {
		for i, p := range problems {
			if i == mostProblems {
				fmt.Fprintf(w, "… and %d more\n", len(problems)-i)
				break
			}
			fmt.Fprintln(w, unpiped(problem(p)))
		}
	}
}

// Unchecked prints the line in place of Check's where the state could not be read.
func Unchecked(w io.Writer, err error) { fmt.Fprintln(w, "CRITICAL: "+err.Error()) }

// unpiped keeps text from being taken for performance data, which begins with a bar on any line.
func unpiped(s string) string { return strings.ReplaceAll(s, "|", "/") }

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
	return fmt.Sprintf("entries=%d;%d;%d;0;%d owned=%d past=%d insert_failed=%dc drop=%dc ports_used=%d%%;80;95;0;100",
		c.Entries, c.Max*80/100, c.Max*95/100, c.Max, t.Owned, t.Past, s.Stats.InsertFailed, s.Stats.Drop, fullest(&s.Report))
}

// fullest is the largest percentage of a laddr's ports in use toward one destination.
func fullest(r *ct.Report) (percent int) {
	of := func(laddrs []ct.LaddrReport) {
		for i := range laddrs {
			if l := &laddrs[i]; l.Flows > 0 && l.Capacity > 0 {
				percent = max(percent, l.Ports*100/l.Capacity)
			}
		}
	}
	for i := range r.Services {
		of(r.Services[i].Laddrs)
	}
	for i := range r.Zones {
		of(r.Zones[i].Laddrs)
	}
	return percent
}

// known is the same of what an agent knows; nothing of no agent.
func known(k *report.Kept) string {
	if k == nil {
		return ""
	}
	servers, down, lost := 0, 0, 0
	for _, s := range k.Services {
		servers += len(s.Servers)
		if len(s.Servers) > 0 && !s.Quorum.Met {
			lost++
		}
		for n := range s.Servers {
			if s.Servers[n].Health == health.Down.String() {
				down++
			}
		}
	}
	return fmt.Sprintf(" servers=%d servers_down=%d;0;;0;%d quorum_lost=%d;;0;0;%d drift_standing=%d;;0;0 drift_repairs=%dc",
		servers, down, servers, lost, len(k.Services), len(k.Agent.Drift.Standing), k.Agent.Drift.Repairs)
}

// refused says how many connections conntrack has refused. The kernel counts them for the
// whole namespace, not by laddr.
func refused(s gateway.Survey) string {
	return fmt.Sprintf("new connections refused since boot: insert_failed %d, drop %d", s.Stats.InsertFailed, s.Stats.Drop)
}
