package view

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/plain"
)

// Ordered says what a service is after an order about one of its real servers.
func Ordered(w *plain.Writer, s agent.Service, at netip.AddrPort) error {
	for _, o := range s.Servers {
		if o.Address.Addr() != at.Addr() || at.Port() != 0 && o.Address.Port() != 0 && o.Address.Port() != at.Port() {
			continue
		}
		text := "as the policy says"
		if o.Override != nil {
			text = Override(*o.Override)
		}
		fmt.Fprintf(w, "service %s, real server %s: %s; health %s\n", plain.Text(s.Name), endpointText(o.Address), text, healthText(o))
	}
	q := s.Quorum
	fmt.Fprintf(w, "%s up, the quorum is %d\n", plain.Count(q.Up, "real server"), q.Need)
	switch {
	case s.Sorry:
		fmt.Fprintln(w, "the sorry servers take the new connections")
	case s.Closed:
		fmt.Fprintln(w, "NOBODY TAKES NEW CONNECTIONS")
	case s.Panic:
		fmt.Fprintln(w, "so few are up that all of them get connections (panic)")
	}
	return w.Err()
}

// Override says an override in words: "drained until 14:30:05".
func Override(o agent.Override) string {
	text := map[balance.Kind]string{balance.Drain: "drained", balance.ForceDown: "down by hand", balance.ForceUp: "up by hand",
		balance.SetWeight: fmt.Sprintf("weight %d by hand", o.Weight)}[o.Kind]
	if !o.Until.IsZero() {
		text += " until " + when(o.Until)
	}
	return text
}

// healthText says the health of a real server, since when, and why.
func healthText(o agent.Server) string {
	text := o.Health
	if !o.LastChange.IsZero() {
		text += " since " + when(o.LastChange) + " (" + ago(o.LastChange) + ")"
	}
	if o.Error != "" {
		text += ": " + plain.Text(o.Error)
	}
	return text
}

// ago says how long ago something was: "3m20s".
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < 0:
		return "just now"
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return d.Round(10 * time.Second).String()
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
