package page

import (
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
)

// The state of a real server is a word, and what an operator did hides nothing that its check found.
func TestServerConditions(t *testing.T) {
	by := func(o agent.Server, kind balance.Kind) agent.Server {
		o.Override = &agent.Override{Kind: kind}
		return o
	}
	unknown, unchecked, panicking, idle := up("10.0.0.1", 1), up("10.0.0.1", 1), down("10.0.0.1", "refused", time.Minute), up("10.0.0.1", 0)
	unknown.Health, unchecked.Health, panicking.Out = "unknown", agent.Disabled, false
	for name, c := range map[string]struct {
		server agent.Server
		want   Standing
		word   string
		why    string
	}{
		"up":              {up("10.0.0.1", 1), Fine, "up", ""},
		"down":            {down("10.0.0.1", "refused", time.Minute), Failed, "down", "refused"},
		"panic":           {panicking, Failed, "down, gets traffic", "refused"},
		"unknown":         {unknown, Unknown, "not checked yet", ""},
		"unchecked":       {unchecked, Unchecked, "not checked", ""},
		"weight 0":        {idle, Fine, "weight 0", ""},
		"drained":         {by(up("10.0.0.1", 1), balance.Drain), Changed, "drained", "check: up"},
		"drained, down":   {by(down("10.0.0.1", "refused", time.Minute), balance.Drain), Failed, "drained", "check: down: refused"},
		"down by hand":    {by(up("10.0.0.1", 1), balance.ForceDown), Changed, "down by hand", "check: up"},
		"up by hand":      {by(down("10.0.0.1", "refused", time.Minute), balance.ForceUp), Changed, "up by hand", "check: down: refused"},
		"weight by hand":  {by(up("10.0.0.1", 1), balance.SetWeight), Changed, "weight by hand", "check: up"},
		"by hand, no one": {by(unchecked, balance.Drain), Changed, "drained", ""},
	} {
		if got := ofServer(&c.server); got.Standing != c.want || got.Word != c.word || got.Why != c.why {
			t.Errorf("%s: %+v, want %v %q %q", name, got, c.want, c.word, c.why)
		}
	}
}

// The state of a service follows from its real servers.
func TestServiceConditions(t *testing.T) {
	dead := func(at string) agent.Server { return down(at, "refused", time.Minute) }
	sorry, panicking := serviceOf("s", 1, dead("10.0.0.1")), serviceOf("s", 1, dead("10.0.0.1"))
	sorry.Sorry, sorry.Closed = true, false
	panicking.Panic, panicking.Closed = true, false
	drained := up("10.0.0.2", 1)
	drained.Admin, drained.Share, drained.Override = 0, 0, &agent.Override{Kind: balance.Drain}
	for name, c := range map[string]struct {
		service agent.Service
		want    Standing
		word    string
	}{
		"up":       {serviceOf("s", 1, up("10.0.0.1", 1), up("10.0.0.2", 1)), Fine, "up"},
		"degraded": {serviceOf("s", 1, up("10.0.0.1", 1), dead("10.0.0.2")), Degraded, "degraded"},
		"closed":   {serviceOf("s", 2, up("10.0.0.1", 1), dead("10.0.0.2")), Failed, "closed"},
		"sorry":    {sorry, Failed, "sorry"},
		"panic":    {panicking, Failed, "panic"},
		"by hand":  {serviceOf("s", 1, up("10.0.0.1", 1), drained), Changed, "by hand"},
		"drained":  {agent.Service{Servers: []agent.Server{drained}}, Degraded, "drained"},
		"empty":    {agent.Service{}, Degraded, "empty"},
	} {
		if got := ofService(&c.service); got.Standing != c.want || got.Word != c.word {
			t.Errorf("%s: %+v, want %v %q", name, got, c.want, c.word)
		}
	}
}
