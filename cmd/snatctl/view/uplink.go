package view

import (
	"fmt"
	"io"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/plain"
)

// Uplink says what an uplink is after an order about it.
func Uplink(w *plain.Writer, u agent.Uplink) error {
	fmt.Fprintln(w, uplinkText(&u))
	return w.Err()
}

// uplinkText says what an uplink is, since when, why, and when it was asked last: "uplink isp1 (wan0): up".
func uplinkText(u *agent.Uplink) string {
	text := fmt.Sprintf("uplink %s (%s): %s", plain.Text(u.Name), plain.Text(u.Interface), u.State)
	if !u.Since.IsZero() {
		text += " since " + when(u.Since) + " (" + ago(u.Since) + ")"
	}
	if why := u.Why(); why != "" {
		text += ": " + plain.Text(why)
	}
	if u.Kept {
		text += "; connections stay with it, since no other is up"
	}
	if u.Override != nil {
		text += "; " + Override(*u.Override)
	}
	if !u.LastCheck.IsZero() {
		text += "; checked " + when(u.LastCheck)
	}
	return text
}

// printUplinks says how all uplinks are.
func printUplinks(w io.Writer, all []agent.Uplink) {
	for i := range all {
		u := &all[i]
		switch text := uplinkText(u); {
		case u.State == agent.UplinkDown && u.Override == nil:
			fmt.Fprintln(w, paintSeverity(ct.Critical, text))
		case u.State != agent.UplinkUp:
			fmt.Fprintln(w, paintSeverity(ct.Warning, text))
		default:
			fmt.Fprintln(w, text)
		}
	}
}

// uplinkProblems are uplinks that are down though nobody wants that. Without any that is up it is critical.
func uplinkProblems(k *report.Kept) (out []ct.Problem) {
	all := k.Agent.Uplinks
	up := 0
	for i := range all {
		if all[i].State == agent.UplinkUp {
			up++
		}
	}
	for i := range all {
		u := &all[i]
		if u.State != agent.UplinkDown || u.Override != nil {
			continue
		}
		p := ct.Problem{Severity: ct.Warning, Object: "uplink " + u.Name, Text: "it is down since " + when(u.Since) + ": " + u.Why()}
		if up == 0 {
			p.Severity, p.Text = ct.Critical, p.Text+"; no uplink is up"
		}
		out = append(out, p)
	}
	return out
}
