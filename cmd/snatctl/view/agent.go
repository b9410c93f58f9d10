package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/plain"
)

// Agent prints what an agent knows.
func Agent(w *plain.Writer, s agent.Snapshot) error {
	fmt.Fprintf(w, "agent      process %d since %s, keeps table inet %s as %s says\n", s.PID, when(s.Started), s.Table, plain.Text(strings.Join(s.Files, ", ")))
	p := s.Policy
	fmt.Fprintf(w, "policy     %.12s, in force since %s, applied by %s\n", p.Hash, when(p.AppliedAt), plain.Text(p.AppliedBy))
	if p.LastGood {
		fmt.Fprintln(w, "           it is the last good one of the history, not that of the files")
	}
	if p.Error != "" {
		fmt.Fprintf(w, "refused    %s since %s\n", plain.Text(p.Error), when(p.ErrorSince))
	}
	for i, f := range p.Findings {
		if i == mostChanges {
			fmt.Fprintf(w, "           … and %d more (--format json lists all)\n", len(p.Findings)-i)
			break
		}
		fmt.Fprintf(w, "           %s\n", plain.Text(f))
	}
	if p.Stale() {
		fmt.Fprintf(w, "files      changed at %s, and what they say now is not in force\n", when(p.FilesModified))
	}
	if p.Incomplete != "" {
		fmt.Fprintf(w, "incomplete %s\n", plain.Text(p.Incomplete))
	}
	if t := s.Trial; t != nil {
		fmt.Fprintf(w, "on trial   until %s, by %s: `snatctl confirm` keeps it\n", when(t.Until), plain.Text(t.User))
	}
	printUplinks(w, s.Uplinks)
	drifted(w, s.Drift)
	return w.Err()
}

// drifted says what others changed in the table.
func drifted(w *plain.Writer, d agent.Drift) {
	if d.Found == 0 {
		fmt.Fprintln(w, "drift      none")
		return
	}
	fmt.Fprintf(w, "drift      found %s, repaired %s, last %s\n", times(d.Found), times(d.Repairs), when(d.Last))
	changes, state := d.Changes, "repaired"
	if len(d.Standing) > 0 {
		changes, state = d.Standing, "NOT REPAIRED"
		if !d.Until.IsZero() {
			state += ", next try " + when(d.Until)
		}
	}
	fmt.Fprintf(w, "           %s:\n", state)
	for i, c := range changes {
		if i == mostChanges {
			fmt.Fprintf(w, "           … and %d more (--format json lists all)\n", len(changes)-i)
			break
		}
		fmt.Fprintf(w, "           %s %s %s: %s\n", c.Action.Mark(), strings.ReplaceAll(string(c.Kind), "_", " "), plain.Text(c.Name), plain.Text(c.Detail))
	}
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// when is a time in the zone of who reads.
func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
