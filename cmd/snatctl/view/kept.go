package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// printKept says first what somebody who was woken has to know: what is down, since when, and why.
func printKept(w io.Writer, k *report.Kept, p gateway.Survey) {
	if k == nil {
		return
	}
	a := k.Agent
	fmt.Fprintf(w, "agent: policy %.12s in force since %s; drift repaired %s\n", a.Policy.Hash, when(a.Policy.AppliedAt), often(a.Drift.Repairs))
	if a.Policy.Error != "" {
		fmt.Fprintln(w, paintSeverity(ct.Critical, fmt.Sprintf("a newer policy is refused since %s: %s (`snatctl agent status`)", when(a.Policy.ErrorSince), plain.Text(a.Policy.Error))))
	}
	if len(a.Drift.Standing) > 0 {
		fmt.Fprintln(w, paintSeverity(ct.Warning, fmt.Sprintf("the table differs from the policy and is not repaired: %s (`snatctl agent status`)", plain.Count(len(a.Drift.Standing), "change"))))
	}
	printUplinks(w, a.Uplinks)
	for i := range p.Services {
		s, ok := k.Services[p.Services[i].Name]
		if !ok {
			continue
		}
		if text := s.Trouble(); text != "" {
			fmt.Fprintln(w, paintSeverity(ct.Critical, "service "+plain.Text(s.Name)+": "+text))
		}
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Health == "down" || o.Out {
				fmt.Fprintln(w, paintSeverity(ct.Warning, fmt.Sprintf("down: service %s, real server %s: %s", plain.Text(s.Name), endpointText(o.Address), condition(o))))
			}
		}
	}
}

// condition says the health of a real server, and what an operator said of it.
func condition(o *agent.Server) string {
	text := ""
	if o.Health != agent.Disabled {
		text = healthText(*o)
	}
	if o.Override != nil {
		text = strings.TrimPrefix(text+"; "+Override(*o.Override), "; ")
	}
	return text
}

// often is how often something happened.
func often(n uint64) string {
	if n == 0 {
		return "never"
	}
	return times(n)
}

// Overridden names what makes a table differ from the policy without being a difference: real servers
// that are down, and those of which an operator said something.
func Overridden(w io.Writer, k *report.Kept) {
	if k == nil {
		return
	}
	var lines []string
	for _, s := range k.Services {
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Out || o.Override != nil {
				lines = append(lines, fmt.Sprintf("by the agent: service %s, real server %s: %s", plain.Text(s.Name), endpointText(o.Address), condition(o)))
			}
		}
	}
	for i := range k.Agent.Uplinks {
		if u := &k.Agent.Uplinks[i]; u.State != agent.UplinkUp || u.Override != nil {
			lines = append(lines, "by the agent: "+uplinkText(u))
		}
	}
	slices.Sort(lines)
	for i, line := range lines {
		if i == mostChanges {
			fmt.Fprintf(w, "… and %d more (`snatctl status` lists all)\n", len(lines)-i)
			break
		}
		fmt.Fprintln(w, line)
	}
}

// KnownProblems are what is wrong by what an agent knows, as checks of monitoring systems know it.
func KnownProblems(k *report.Kept) (out []ct.Problem) {
	if k == nil {
		return nil
	}
	if e := k.Agent.Policy.Error; e != "" {
		out = append(out, ct.Problem{Severity: ct.Warning, Object: "agent", Text: "a newer policy is refused: " + e})
	}
	out = append(out, waiting(k)...)
	if n := len(k.Agent.Drift.Standing); n > 0 {
		out = append(out, ct.Problem{Severity: ct.Critical, Object: "agent", Text: fmt.Sprintf("the table differs from the policy, and is not repaired: %s", plain.Count(n, "change"))})
	}
	for _, s := range k.Services {
		if text := s.Trouble(); text != "" {
			out = append(out, ct.Problem{Severity: ct.Critical, Object: "service " + s.Name, Text: text})
		}
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Health == "down" && o.Override == nil {
				out = append(out, ct.Problem{Severity: ct.Warning, Object: "service " + s.Name, Text: "real server " + endpointText(o.Address) + " is " + condition(o)})
			}
		}
	}
	out = append(out, uplinkProblems(k)...)
	slices.SortFunc(out, func(a, b ct.Problem) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Text, b.Text))
	})
	return out
}

// unappliedAfter is how long files may be newer than what is in force without being a problem: somebody
// may be about to apply them.
const unappliedAfter = 10 * time.Minute

// waiting is what somebody has still to do about policies.
func waiting(k *report.Kept) (out []ct.Problem) {
	warn := func(format string, args ...any) {
		out = append(out, ct.Problem{Severity: ct.Warning, Object: "agent", Text: fmt.Sprintf(format, args...)})
	}
	p := &k.Agent.Policy
	if p.Incomplete != "" {
		warn("the policy is in force, but not all of it was done: %s", p.Incomplete)
	}
	switch t := k.Agent.Trial; {
	case t != nil:
		warn("a policy is on trial until %s: `snatctl confirm` keeps it", when(t.Until))
	case p.Error == "" && p.Stale() && time.Since(p.FilesModified) > unappliedAfter:
		warn("its files were changed at %s, and what they say is not in force: `snatctl apply` applies them", when(p.FilesModified))
	}
	return out
}

// mostNamed is how many real servers a summary names.
const mostNamed = 3

// Summary says in a line what is down and what an operator has said; empty if nothing is to be said.
func Summary(k *report.Kept) string {
	if k == nil {
		return ""
	}
	var bad, names []string
	for _, s := range k.Services {
		if text := s.Trouble(); text != "" {
			bad = append(bad, "service "+plain.Text(s.Name)+": "+text)
		}
		for n := range s.Servers {
			if o := &s.Servers[n]; o.Out || o.Override != nil {
				state := "down"
				if o.Override != nil {
					state = Override(*o.Override)
				}
				names = append(names, plain.Text(s.Name)+"/"+endpointText(o.Address)+" "+state)
			}
		}
	}
	for i := range k.Agent.Uplinks {
		if u := &k.Agent.Uplinks[i]; u.State != agent.UplinkUp {
			bad = append(bad, "uplink "+plain.Text(u.Name)+" "+u.State)
		}
	}
	slices.Sort(bad)
	slices.Sort(names)
	all := append(bad, names...)
	if more := len(all) - mostNamed; more > 0 {
		all = append(all[:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(all, " · ")
}
