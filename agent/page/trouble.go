package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trouble is something that somebody has to look at.
type Trouble struct {
	Standing Standing
	Object   string // "service web", "conntrack"
	Kind     string // tells those of one object apart
	Service  string // its name, if it is one
	Zone     string // likewise
	Text     string
	More     []string  // lines below it
	Since    time.Time // zero: not known
}

// troubles finds what somebody has to look at, the worst first.
func troubles(w *Whole) []Trouble {
	out := agentTroubles(w)
	if c := w.Conntrack; c.Standing() != Fine {
		out = append(out, Trouble{Standing: c.Standing(), Object: "conntrack", Kind: "full", Text: fmt.Sprintf("%s of %s entries are in use; raise net.netfilter.nf_conntrack_max", count(c.Used), count(c.Most))})
	}
	for _, u := range w.Uplinks {
		if u.Condition.Standing >= Degraded {
			out = append(out, Trouble{Standing: u.Condition.Standing, Object: "uplink " + u.Name, Kind: "gone", Text: u.Condition.Why, Since: u.Condition.Since})
		}
	}
	for _, s := range w.Services {
		if s.Wrong {
			out = append(out, serviceTroubles(s)...)
		}
	}
	for _, z := range w.Zones {
		if z.Wrong() {
			out = append(out, fullLaddr(z.Fullest(), Trouble{Object: "zone " + z.Name, Zone: z.Name}))
		}
	}
	slices.SortStableFunc(out, func(a, b Trouble) int { return cmp.Compare(b.Standing, a.Standing) })
	return out
}

// agentTroubles are those of the policy and of the table as a whole.
func agentTroubles(w *Whole) (out []Trouble) {
	p, d := &w.Agent.Policy, &w.Agent.Drift
	if p.Error != "" {
		t := Trouble{Standing: Degraded, Object: "policy", Kind: "refused", Text: "a newer policy is refused: " + p.Error, Since: p.ErrorSince}
		t.More = slices.Clone(p.Findings[:min(len(p.Findings), fewTroubles)])
		if n := len(p.Findings) - len(t.More); n > 0 {
			t.More = append(t.More, fmt.Sprintf("and %d more: `snatctl lint` lists all", n))
		}
		out = append(out, t)
	}
	if t := w.Agent.Trial; t != nil {
		out = append(out, Trouble{Standing: Degraded, Object: "policy", Kind: "trial", Text: fmt.Sprintf("on trial, by %s: it is taken back at %s unless `snatctl confirm` keeps it", t.User, clock(w.At, t.Until))})
	}
	if p.Incomplete != "" {
		out = append(out, Trouble{Standing: Degraded, Object: "policy", Kind: "incomplete", Text: p.Incomplete, Since: p.AppliedAt})
	}
	if n := len(d.Standing); n > 0 {
		out = append(out, Trouble{Standing: Failed, Object: "table", Kind: "drift", Text: "it differs from the policy, and is not repaired: " + many(n, "change"), Since: d.Last})
	}
	if w.Unmeasured != "" {
		out = append(out, Trouble{Standing: Degraded, Object: "figures", Kind: "unknown", Text: "flows are not known: " + w.Unmeasured})
	}
	return out
}

// serviceTroubles says what is wrong with a service, and which of its real servers are down.
func serviceTroubles(s *Service) (out []Trouble) {
	about := Trouble{Object: "service " + s.Name, Service: s.Name}
	if c := s.Condition; c.Standing >= Degraded {
		t := about
		t.Standing, t.Kind, t.Since, t.Text = c.Standing, "state", c.Since, c.Why
		if down := downOf(s.Servers()); down != "" {
			t.Text = strings.TrimPrefix(t.Text+"; "+down, "; ")
		}
		out = append(out, t)
	}
	if l := s.Fullest(); l != nil && l.Standing() >= Degraded {
		out = append(out, fullLaddr(l, about))
	}
	return out
}

// downOf names real servers that are down; empty if none is.
func downOf(servers []*Server) string {
	var down []*Server
	for _, o := range servers {
		if o.Condition.Standing == Failed {
			down = append(down, o)
		}
	}
	switch len(down) {
	case 0:
		return ""
	case 1:
		text := "real server " + down[0].Text + " is down"
		if why := down[0].Condition.Why; why != "" {
			text += ": " + why
		}
		return text
	}
	names := make([]string, 0, 3)
	for _, o := range down[:min(len(down), 3)] {
		names = append(names, o.Text)
	}
	text := fmt.Sprintf("%d of %d real servers are down: %s", len(down), len(servers), strings.Join(names, ", "))
	if n := len(down) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func fullLaddr(l *Laddr, t Trouble) Trouble {
	t.Standing, t.Kind = l.Standing(), "full"
	t.Text = fmt.Sprintf("laddr %s uses %s of %s ports toward %s; give it more laddrs", l.Address, count(l.Ports.Used), count(l.Ports.Most), l.Busiest)
	return t
}
