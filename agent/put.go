package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
)

// Request says how a policy is to be put in force.
type Request struct {
	Command string        `json:"command"`    // as the history calls it
	User    string        `json:"user"`       // who asks for it
	Keep    bool          `json:"keep"`       // flows that contradict the policy
	Confirm time.Duration `json:"confirm_ns"` // take it back unless it is confirmed within this time; 0: keep it
}

// put puts a policy in force. After an error that is no IncompleteError nothing has changed.
func (a *Agent) put(ctx context.Context, l loaded, r Request) (gateway.Result, error) {
	began, w := time.Now(), l.wanted
	at, by := began, r.User
	o := gateway.ApplyOptions{Command: r.Command, User: r.User, Spare: r.Keep, Confirm: r.Confirm}
	newest, err := a.g.Newest(ctx)
	recorded := err == nil && w.Recorded(newest) && newest.State == history.Applied && newest.Facts.Equal(w.Facts)
	if recorded && r.Confirm == 0 {
		o.Command = "" // the history would only say it twice
	}
	on, revert := context.WithCancel(ctx)
	a.measure(maps.Clone(l.stages))
	defer a.measure(nil)
	c, err := a.g.Commit(on, w, o)
	if err != nil {
		revert()
		return gateway.Result{}, gateway.Unchanged(err)
	}
	before := a.force
	a.enforce(l, c)
	if c.Trial != nil {
		a.trial = &trial{Trial: c.Trial, before: before, known: a.Snapshot().Policy, revert: revert}
	} else {
		defer revert() // there is nothing to revert
	}
	res, err := c.Finish(on)
	if recorded && res.Empty() {
		at, by = newest.Time, newest.User
	}
	a.tellFindings(l.diagnostics)
	a.log.Info("policy_applied", "policy", w.Hash(), "table", a.table, "changes", res.Summary(), "flows_ended", res.Stale.Count(true),
		"by", by, "confirm", r.Confirm, "took", time.Since(began).Round(time.Millisecond))
	ended := Applied
	switch {
	case incomplete(err):
		ended = Incomplete
		a.log.Warn("policy_incomplete", "error", err)
	case res.Empty():
		ended = Unchanged
	}
	a.drift.fresh()
	a.learn(func(s *Snapshot) {
		s.ended(res.Stale)
		p := &s.Policy
		p.Hash, p.AppliedAt, p.AppliedBy, p.LastGood, p.Summary = w.Hash(), at, by, false, res.Summary()
		p.Newest, p.Error, p.Findings, p.ErrorSince, p.Incomplete = w.Hash(), "", findings(l.diagnostics), time.Time{}, ""
		if err != nil {
			p.Incomplete = err.Error()
		}
		p.Applied[ended]++
		p.Stages = a.stages.seconds()
		p.readAt(l.modified)
		if s.Trial = nil; c.Trial != nil {
			s.Trial = &Trial{w.Hash(), r.User, time.Now().Add(c.Trial.Left())}
		}
		s.Drift.Standing, s.Drift.Until = nil, time.Time{}
	})
	a.status()
	return res, err
}

// enforce takes a policy as the one in force.
func (a *Agent) enforce(l loaded, c *gateway.Change) {
	before := a.tends
	a.force, a.tends = l.wanted, l.tends
	a.tellResults(before)
	a.stood(c)
	a.inForce.set(l.wanted)
	a.checks.Set(a.targets(l.tends.policy))
	a.paths.Set(l.tends.probes())
	a.takeUp(l.tends)
	if a.wantsCount.Store(len(l.tends.least) > 0); len(l.tends.least) > 0 {
		signal(a.census)
	}
	a.publishAll()
}

// RefusedError says that the agent did not do what was asked for. Nothing was changed.
type RefusedError struct{ Err error }

// Error returns the reason.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// Outcome is what became of a request to apply.
type Outcome struct {
	Result gateway.Result
	Hash   string         // of the policy in force now
	Trial  *gateway.Trial // nil: nothing awaits confirmation
}

// Apply reads the policy and puts it in force, as if somebody had applied it: what goes on is told. If
// hash is given, and the policy is another one, it is refused. It is safe for concurrent use.
func (a *Agent) Apply(ctx context.Context, r Request, hash string, hears func(gateway.Event)) (out Outcome, err error) {
	unasked := a.do(ctx, func(loop context.Context) {
		if a.trial != nil {
			err = &RefusedError{fmt.Errorf("a policy awaits confirmation for another %v (`snatctl confirm` keeps it); nothing was changed", max(a.trial.Left().Round(time.Second), 0))}
			return
		}
		a.listen(hears)
		defer a.listen(nil)
		l := a.load()
		if l.wanted == nil {
			a.refuse(l)
			err = &RefusedError{fmt.Errorf("%w; nothing was changed", l.err)}
			return
		}
		if hash != "" && hash != l.wanted.Hash() {
			err = &RefusedError{errors.New("the agent reads another text in these files: did they change just now? apply again; nothing was changed")}
			return
		}
		a.barred = ""
		out.Result, err = a.apply(loop, l, r)
		out.Hash, out.Trial = a.force.Hash(), a.trial.running()
	})
	if unasked != nil {
		return out, unasked
	}
	return out, err
}

// Clean ends all flows that contradict the table in force, as gateway.Clean says. It is safe for concurrent
// use.
func (a *Agent) Clean(ctx context.Context, hears func(gateway.Event)) (c gateway.Cleaned, err error) {
	unasked := a.do(ctx, func(loop context.Context) {
		a.listen(hears)
		defer a.listen(nil)
		c, err = a.g.Clean(loop)
		a.learn(func(s *Snapshot) { s.ended(c.Stale) })
	})
	if unasked != nil {
		return c, unasked
	}
	return c, err
}

// listen sets who hears what the engine tells, beside the log.
func (a *Agent) listen(hears func(gateway.Event)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listener = hears
}
