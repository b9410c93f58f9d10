package page

import (
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
)

// Standing is how bad something is: what is worse is more. The zero value is fine.
type Standing uint8

// The standings, each a colour of the page.
const (
	Fine      Standing = iota
	Unchecked          // nobody checks it
	Unknown            // no check has ended yet
	Changed            // an operator wants it so
	Degraded           // it works, with less than there should be
	Failed
)

// Class is the name of the colour.
func (s Standing) Class() string {
	return [...]string{"fine", "unchecked", "unknown", "changed", "degraded", "failed"}[min(s, Failed)]
}

// Condition is the state of an object, as a colour and as a word.
type Condition struct {
	Standing Standing
	Word     string
	Since    time.Time // zero: not known
	Why      string    // empty: there is nothing to say
	Until    time.Time // of what an operator wants; zero: until it is taken back
}

// ofServer says the condition of a real server.
func ofServer(o *agent.Server) Condition {
	c := Condition{Since: o.LastChange, Why: o.Error}
	switch o.Health {
	case "up":
		c.Standing, c.Word = Fine, "up"
	case "down":
		c.Standing, c.Word = Failed, "down"
	case agent.Disabled:
		c.Standing, c.Word = Unchecked, "not checked"
	default:
		c.Standing, c.Word = Unknown, "not checked yet"
	}
	if o.Override != nil {
		return overridden(c, o)
	}
	switch {
	case o.Health == "down" && !o.Out:
		c.Standing, c.Word = Failed, "down, gets traffic"
	case o.Admin == 0 && c.Standing < Changed:
		c.Word = "weight 0"
	}
	return c
}

// overridden says a condition that an operator has a hand in. What the check found stays visible.
func overridden(c Condition, o *agent.Server) Condition {
	found := c.Word
	c.Until = o.Override.Until
	switch o.Override.Kind {
	case balance.ForceDown:
		c.Word, c.Standing = "down by hand", Changed
	case balance.ForceUp:
		c.Word, c.Standing = "up by hand", Changed
	case balance.Drain:
		c.Word, c.Standing = "drained", max(c.Standing, Changed)
	default:
		c.Word, c.Standing = "weight by hand", max(c.Standing, Changed)
	}
	if o.Health != agent.Disabled {
		if c.Why != "" {
			found += ": " + c.Why
		}
		c.Why = "check: " + found
	}
	return c
}

// ofService says the condition of a service, whose real servers have theirs.
func ofService(s *agent.Service) Condition {
	down, hand, weightless, checked := 0, 0, 0, false
	var since time.Time // the last one went down
	for i := range s.Servers {
		o := &s.Servers[i]
		checked = checked || o.Health != agent.Disabled
		if o.Health == "down" && (o.Override == nil || o.Override.Kind != balance.ForceDown) {
			down++
			if o.LastChange.After(since) {
				since = o.LastChange
			}
		}
		if o.Override != nil {
			hand++
		}
		if o.Admin == 0 {
			weightless++
		}
	}
	if text := s.Trouble(); text != "" {
		return Condition{Failed, troubleWord(s), since, text, time.Time{}}
	}
	switch {
	case len(s.Servers) == 0:
		return Condition{Standing: Degraded, Word: "empty", Why: "it has no real servers"}
	case weightless == len(s.Servers):
		return Condition{Standing: Degraded, Word: "drained", Why: "all real servers have weight 0: none takes new connections"}
	case down > 0:
		return Condition{Standing: Degraded, Word: "degraded", Since: since}
	case hand > 0:
		return Condition{Standing: Changed, Word: "by hand"}
	case !checked:
		return Condition{Standing: Unchecked, Word: "not checked"}
	}
	return Condition{Standing: Fine, Word: "up"}
}

func troubleWord(s *agent.Service) string {
	switch {
	case s.Sorry:
		return "sorry"
	case s.Panic:
		return "panic"
	}
	return "closed"
}
