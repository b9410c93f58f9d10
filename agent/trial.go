package agent

import (
	"context"
	"errors"
	"time"

	"github.com/snatctl/snatctl/gateway"
)

// trial is a policy that awaits confirmation. A nil one is none.
type trial struct {
	*gateway.Trial
	before *gateway.Wanted // what is in force if it is taken back
	known  Policy          // what was known of that
	revert func()          // at once
}

// done is closed once the verdict stands.
func (t *trial) done() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.Done()
}

func (t *trial) running() *gateway.Trial {
	if t == nil {
		return nil
	}
	return t.Trial
}

// decided tells whether it is being taken back, or has been, or is confirmed: the loop leaves the
// table alone then, until it has judged.
func (t *trial) decided() bool {
	if t == nil {
		return false
	}
	select {
	case <-t.Decided():
		return true
	default:
		return false
	}
}

// judged goes on once a trial has ended.
func (a *Agent) judged(ctx context.Context) {
	t := a.trial
	a.trial = nil
	a.learn(func(s *Snapshot) { s.Trial = nil })
	hash, err := a.force.Hash(), t.Wait()
	if t.Kept() {
		a.log.Info("policy_confirmed", "policy", hash)
		if err != nil {
			a.log.Error("history_unwritten", "error", err)
		}
		a.status()
	} else {
		a.log.Warn("policy_reverted", "policy", hash, "why", err)
		a.barred = hash
		a.restore(ctx, t)
		a.status()
	}
	if a.later {
		a.later = false
		a.update(ctx)
	}
}

// restore puts the policy before a trial in force again: the table is as it stood before that, which may
// be long ago, or could not be taken back.
func (a *Agent) restore(ctx context.Context, t *trial) {
	l := a.again(t.before)
	if l.err != nil { // it was in force just now
		a.log.Error("policy_not_restored", "policy", t.before.Hash(), "error", l.err)
		return
	}
	c, err := a.g.Commit(ctx, l.wanted, gateway.ApplyOptions{})
	if err != nil {
		a.log.Error("policy_not_restored", "policy", t.before.Hash(), "error", err)
		a.force, a.tends, a.stands = l.wanted, l.tends, table{}
		a.drift.again()
	} else {
		a.enforce(l, c)
		if r, err := c.Finish(ctx); err != nil || !r.Empty() {
			a.log.Info("policy_restored", "policy", t.before.Hash(), "changes", r.Summary(), "incomplete", err)
		}
	}
	a.learn(func(s *Snapshot) {
		counts, modified := s.Policy.Applied, s.Policy.FilesModified
		s.Policy = t.known
		s.Policy.Applied, s.Policy.FilesModified = counts, modified
		counts[Reverted]++
		s.Policy.Error, s.Policy.ErrorSince = errUnconfirmed.Error(), time.Now()
	})
}

// Revert takes back at once what is on trial. It is safe for concurrent use.
func (a *Agent) Revert(ctx context.Context) error {
	err := errors.New("nothing awaits confirmation")
	if unasked := a.do(ctx, func(context.Context) {
		if a.trial != nil {
			a.trial.revert()
			err = nil
		}
	}); unasked != nil {
		return unasked
	}
	return err
}

// endTrial takes back what is on trial before the agent ends: nobody could confirm it then.
func (a *Agent) endTrial() {
	if a.trial == nil {
		return
	}
	a.trial.revert()
	<-a.trial.Done()
	if !a.trial.Kept() {
		a.log.Warn("policy_reverted", "why", a.trial.Wait())
	}
}
