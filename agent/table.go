package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// table is what the loop knows of the table in force.
type table struct {
	force *gateway.Force // nil: it has to be read anew
	dirty bool           // services or uplinks have other states than a.force was compiled for
	steer bool           // and uplinks have

	reshape time.Time // when services that were changed in a hurry get their slots; zero: none waits
	since   time.Time // the first of them
	changed []string  // their names
}

// Services that change are given their slots when no more of them have changed for a while, but not
// after the longest wait: many verdicts come at about the same time.
const (
	calmServices  = 300 * time.Millisecond
	longestInHand = time.Second
)

// change gives services other states. What cannot wait is done when it returns.
func (a *Agent) change(ctx context.Context, changes []gateway.ServiceChange, hurry bool) {
	a.stands.dirty = true
	if a.trial.decided() {
		return // judged brings it back with the states as they are
	}
	if a.stands.force == nil {
		a.whole(ctx, append(a.stands.changed, names(changes)...))
		return
	}
	if err := a.stands.force.Evict(ctx, changes); err != nil {
		a.evicted(ctx, err, append(a.stands.changed, names(changes)...))
		return
	}
	a.stands.changed = append(a.stands.changed, names(changes)...)
	now := time.Now()
	if a.stands.since.IsZero() {
		a.stands.since = now
	}
	a.stands.reshape = now.Add(min(calmServices, max(0, longestInHand-now.Sub(a.stands.since))))
	if !hurry {
		a.reshape(ctx)
	}
}

func names(changes []gateway.ServiceChange) (out []string) {
	for _, c := range changes {
		out = append(out, c.Service)
	}
	return out
}

// reshape gives services that were changed in a hurry the slots that a compile gives.
func (a *Agent) reshape(ctx context.Context) {
	changed := a.stands.changed
	a.stands.reshape, a.stands.since, a.stands.changed = time.Time{}, time.Time{}, nil
	if a.stands.force == nil || a.stands.force.Pending() == 0 {
		return
	}
	if err := a.stands.force.Reshape(ctx); err != nil {
		a.evicted(ctx, err, changed)
	}
}

// evicted goes on where a change of services alone was refused: the whole table is read and brought
// to what it should be.
func (a *Agent) evicted(ctx context.Context, err error, changed []string) {
	var stale *gateway.StaleError
	if !errors.As(err, &stale) {
		a.log.Warn("change_refused", "error", err)
	}
	a.whole(ctx, changed)
}

// whole reads the table and brings it to the policy and the states in force. What differs beside the
// services that changed is drift.
func (a *Agent) whole(ctx context.Context, changed []string) {
	steer := a.stands.steer
	c, err := a.g.Commit(ctx, a.wanted(), gateway.ApplyOptions{})
	if err != nil {
		a.log.Error("table_not_changed", "error", err)
		a.stands.force = nil
		a.drift.again()
		return
	}
	a.stood(c)
	r, err := c.Finish(ctx)
	if err != nil {
		a.log.Warn("policy_incomplete", "error", err)
	}
	if steer {
		r.Changes = besideUplinks(r.Changes)
	}
	if others := beside(r.Changes, changed); len(others) > 0 {
		r.Changes = others
		a.tellDrift(r)
		a.learn(func(s *Snapshot) {
			s.Drift.Found++
			s.Drift.Repairs++
			s.Drift.Last, s.Drift.Changes, s.Drift.Standing = time.Now(), others, nil
		})
		a.log.Info("drift_repaired", "table", a.table, "changes", r.Summary(), "why", "services had to change")
	}
}

// beside leaves out the changes of some services and of their real servers.
func beside(changes []tell.Change, services []string) []tell.Change {
	of := make(map[string]bool, len(services))
	for _, s := range services {
		of[s] = true
	}
	return slices.DeleteFunc(slices.Clone(changes), func(c tell.Change) bool {
		switch c.Kind {
		case tell.KindService:
			return of[c.Name]
		case tell.KindAnnounced: // follows from services
			return true
		case tell.KindRealServer: // SERVICE/ADDRESS
			return of[c.Name[:max(0, strings.LastIndexByte(c.Name, '/'))]]
		}
		return false
	})
}

// besideUplinks leaves out what the states of uplinks change: where zones send connections.
func besideUplinks(changes []tell.Change) []tell.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c tell.Change) bool {
		return c.Kind != tell.KindService && c.Kind != tell.KindRealServer && c.Kind != tell.KindPool && c.Kind != tell.KindAddress && c.Kind != tell.KindClients && c.Kind != tell.KindAnnounced
	})
}

// wanted is the policy in force with the states that its services have now.
func (a *Agent) wanted() *gateway.Wanted {
	if !a.stands.dirty {
		return a.force
	}
	w, ds := gateway.CompileFor(a.force.Facts, a.tends.in(a.force.Policy), a.force.Sources)
	if w == nil {
		a.log.Error("state_refused", "error", ds.Err()) // a state adds nothing that a policy may not have
		return a.force
	}
	a.force, a.stands.dirty = w, false
	return w
}

// stood takes the table that a change has put in force as known.
func (a *Agent) stood(c *gateway.Change) {
	a.stands = table{dirty: a.stands.dirty, steer: a.stands.steer && a.stands.dirty}
	f, err := c.Force()
	if err != nil {
		a.log.Error("table_unknown", "error", err)
		return
	}
	a.stands.force = f
	a.ends.of(f)
}

// in returns a policy with the states that its services have now.
func (s *services) in(p *policy.Policy) *policy.Policy {
	return p.Written().With(s.state.Clone())
}
