package page

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// Agent is what the page asks of an agent.
type Agent interface {
	Snapshot() agent.Snapshot
	Services() []agent.Service
	Lint() policy.Diagnostics
	Uplinks() ([]gateway.Uplink, error)
}

// Figures are what the page asks of a sampler.
type Figures interface {
	Figures(ctx context.Context) (*traffic.Figures, error)
	History(o traffic.Object) []traffic.Point
}

// Source gives all readers the same Whole, and makes another only when somebody asks and the last one is
// old enough: so the number of readers costs nothing.
type Source struct {
	look func(context.Context) *Whole

	mu   sync.Mutex // over what follows; held while one looks, so that others get what it sees
	last *Whole
	next time.Time // when another may be made
}

// Of returns a source that asks an agent and a sampler.
func Of(a Agent, f Figures, version string) *Source {
	host, _ := os.Hostname() // without a name the page has none
	c := counted{figures: f}
	return &Source{look: func(ctx context.Context) *Whole {
		facts := Facts{At: time.Now(), Host: host, Version: version, Agent: a.Snapshot(), Services: a.Services(), Findings: findings(a.Lint()), Past: c.past}
		facts.Figures, facts.Unmeasured = c.newest(ctx)
		all, err := a.Uplinks()
		facts.Uplinks = uplinks(all, facts.Agent.Uplinks, err)
		return Join(facts)
	}}
}

// A Whole is good for fresh, and for longer where it takes long to make, so that readers take a small part of
// a processor for that; but not for longer than stale.
const (
	fresh = 500 * time.Millisecond
	stale = 3 * time.Second
	spare = 10
)

// Whole returns what is to be shown now. Who asks does not stop it by going away.
func (s *Source) Whole(ctx context.Context) *Whole {
	s.mu.Lock()
	defer s.mu.Unlock()
	start := time.Now()
	if s.last != nil && start.Before(s.next) {
		return s.last
	}
	s.last = s.look(context.WithoutCancel(ctx))
	end := time.Now()
	s.next = end.Add(min(max(fresh, spare*end.Sub(start)), stale))
	return s.last
}
