package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// drift is what the loop knows of changes that others made. The zero value is nothing.
type drift struct {
	pace
	look   bool      // even if no ruleset has moved
	next   time.Time // no look before: one that found nothing was expensive
	beside time.Time // the next look at routes and addresses
	repair time.Time // when what stands is repaired; zero: nothing is to be
	failed time.Time // the last time that the table could not be read

	follow  time.Time // the next look at interfaces whose addresses are VIPs
	refused string    // why their addresses contradict the policy; empty: they do not

	left bool               // what was found last is left as it is
	at   nftlink.Generation // at which it was found
}

// fresh says that the table is as wanted now.
func (d *drift) fresh() { d.look, d.repair = false, time.Time{} }

// again makes the next pulse look.
func (d *drift) again() { d.look = true }

// A look that found nothing may take one part of the time in spared: other programs' changes of other
// tables look like drift until the table has been read.
const spared = 5

// Routes and addresses move no generation, so they are read: a look may take one part of the time in
// sparedBeside. A machine that is busy for a moment makes a look long, so the next is never later than
// besideWithin.
const (
	besideEvery  = time.Second
	besideWithin = 10 * time.Second
	sparedBeside = 200
)

// besideAfter is how long to wait after a look at routes and addresses that took so long.
func besideAfter(took time.Duration) time.Duration {
	return min(max(besideEvery, sparedBeside*took), besideWithin)
}

// look is what the loop does by itself: find drift, repair it, try again what failed.
func (a *Agent) look(ctx context.Context) {
	now := time.Now()
	if a.trial.decided() {
		return
	}
	if a.retry.due(now) && a.trial == nil {
		a.retry.at = time.Time{}
		a.log.Info("policy_retried")
		a.update(ctx)
	}
	a.follow(ctx, now)
	a.turn(ctx, now)
	a.save(now)
	if at := a.stands.reshape; !at.IsZero() && !now.Before(at) {
		a.reshape(ctx)
	}
	d := &a.drift
	if !d.repair.IsZero() {
		if !now.Before(d.repair) {
			a.mend(ctx)
		}
		return
	}
	if a.moved(ctx, now) {
		a.compare(ctx)
	}
}

// moved tells whether there may be drift.
func (a *Agent) moved(ctx context.Context, now time.Time) bool {
	d := &a.drift
	if now.Before(d.next) {
		return false
	}
	if now.After(d.beside) {
		moved, err := a.g.AddressesMoved(ctx, a.force)
		if !moved && err == nil && a.announces() {
			moved, err = a.g.AnnouncedMoved(a.tends.in(a.force.Policy))
		}
		a.unread(err)
		d.beside = time.Now().Add(besideAfter(time.Since(now)))
		d.look = d.look || moved
	}
	at, err := a.g.Generation(ctx)
	a.unread(err)
	if err != nil {
		return false
	}
	if d.left { // what was found at this generation is known
		return d.look || at != d.at
	}
	return d.look || a.stands.force == nil || at != a.stands.force.Generation()
}

// unread logs once a minute that the kernel cannot be asked.
func (a *Agent) unread(err error) {
	if err != nil && time.Since(a.drift.failed) > time.Minute {
		a.drift.failed = time.Now()
		a.log.Error("table_unreadable", "error", err)
	}
}

// compare reads the table, says what differs, object by object, and repairs it.
func (a *Agent) compare(ctx context.Context) {
	start := time.Now()
	if len(a.stands.changed) > 0 { // half a change of our own would look like drift
		if a.stands.force == nil {
			a.whole(ctx, a.stands.changed)
		} else {
			a.reshape(ctx)
		}
		return
	}
	if !a.o.NoRepair && a.drift.peace(start) {
		a.restoreAtOnce(ctx)
		return
	}
	r, err := a.differs(ctx)
	if err != nil {
		a.unread(err)
		a.drift.next = time.Now().Add(spared * time.Since(start))
		return
	}
	known := a.drift.left && slices.Equal(r.Changes, a.Snapshot().Drift.Standing)
	a.drift.look, a.drift.left = false, false
	if r.Empty() {
		a.drift.next = time.Now().Add(spared * time.Since(start))
		a.mended()
		return
	}
	now := time.Now()
	if !a.o.NoRepair {
		a.drift.repair = a.drift.found(now)
	} else if at, err := a.g.Generation(ctx); err == nil {
		a.drift.left, a.drift.at = true, at
	}
	if known {
		return
	}
	a.tellDrift(r)
	until := a.drift.repair
	if !until.After(now) {
		until = time.Time{}
	}
	a.learn(func(s *Snapshot) {
		s.Drift.Found++
		s.Drift.Last, s.Drift.Changes, s.Drift.Standing, s.Drift.Until = now, r.Changes, r.Changes, until
	})
	switch {
	case a.o.NoRepair:
	case until.IsZero():
		a.mend(ctx)
	default:
		a.log.Warn("drift_fight", "repairs", a.Snapshot().Drift.Repairs, "next_repair_in", time.Until(until).Round(time.Millisecond),
			"hint", "another program keeps changing the table: `nft monitor` shows who")
	}
	a.status()
}

// restoreAtOnce repairs what differs, if anything does, in one reading of the table, and says it then.
func (a *Agent) restoreAtOnce(ctx context.Context) {
	d, start := &a.drift, time.Now()
	a.hush(true)
	c, err := a.g.Commit(ctx, a.wanted(), gateway.ApplyOptions{})
	a.hush(false)
	d.next = time.Now().Add(spared * time.Since(start))
	if err != nil {
		a.unread(gateway.Unchanged(err))
		return
	}
	a.stood(c)
	d.look, d.left = false, false
	if !c.Changed() {
		a.mended()
		return
	}
	r, err := c.Finish(ctx)
	now := time.Now()
	d.found(now)
	d.repaired = now
	a.tellDrift(r)
	a.learn(func(s *Snapshot) { s.Drift.Found, s.Drift.Last, s.Drift.Changes = s.Drift.Found+1, now, r.Changes })
	a.tellMended(r, err, now.Sub(start))
}

// differs compares the table, routes and addresses with what is wanted. If the table is as wanted it is
// known again; if not, services still change alone, and leave what others did as it is.
func (a *Agent) differs(ctx context.Context) (r gateway.Result, err error) {
	a.hush(true)
	defer a.hush(false)
	w, look := a.wanted(), a.drift.look
	f, err := a.g.Adopt(ctx, w)
	switch {
	case err == nil:
		a.stands = table{force: f}
		a.ends.of(f)
		if !look {
			return r, nil
		}
	case !errors.Is(err, gateway.ErrNotInForce):
		return r, err
	}
	return a.g.Diff(ctx, w, false)
}

// hush keeps warnings out of the log.
func (a *Agent) hush(on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quiet = on
}

// mended says that the table is as wanted, if it was not.
func (a *Agent) mended() {
	if len(a.Snapshot().Drift.Standing) > 0 {
		a.log.Info("drift_gone", "table", a.table)
		a.learn(func(s *Snapshot) { s.Drift.Standing, s.Drift.Until = nil, time.Time{} })
		a.status()
	}
}

// mostDrift bounds how many objects of one drift are logged.
const mostDrift = 50

func (a *Agent) tellDrift(r gateway.Result) {
	for i, c := range r.Changes {
		if i == mostDrift {
			a.log.Warn("drift_found", "more", len(r.Changes)-i)
			break
		}
		a.log.Warn("drift_found", "object", string(c.Kind)+" "+c.Name, "repair", done[c.Action], "detail", c.Detail)
	}
	if len(r.Changes) == 0 {
		a.log.Warn("drift_found", "object", "gateway", "detail", r.Summary())
	}
}

// done is what a repair does to an object.
var done = map[tell.Action]string{tell.AddObject: "add", tell.RemoveObject: "remove", tell.ChangeObject: "change"}

// mend brings the table back to the policy in force.
func (a *Agent) mend(ctx context.Context) {
	a.drift.repair = time.Time{}
	start := time.Now()
	r, err := a.repair(ctx)
	now := time.Now()
	a.drift.repaired = now
	if err != nil && !incomplete(err) {
		a.log.Error("drift_not_repaired", "error", err)
		a.drift.repair = a.drift.found(now)
		return
	}
	a.tellMended(r, err, now.Sub(start))
}

// tellMended says that the table is the policy's again.
func (a *Agent) tellMended(r gateway.Result, err error, took time.Duration) {
	a.log.Info("drift_repaired", "table", a.table, "changes", r.Summary(), "flows_ended", r.Stale.Count(true), "took", took.Round(time.Millisecond))
	if err != nil {
		a.log.Warn("policy_incomplete", "error", err)
	}
	a.learn(func(s *Snapshot) {
		s.Drift.Repairs++
		s.Drift.Standing, s.Drift.Until = nil, time.Time{}
		s.ended(r.Stale)
	})
	a.status()
}

// repair applies the policy in force once more.
func (a *Agent) repair(ctx context.Context) (gateway.Result, error) {
	c, err := a.g.Commit(ctx, a.wanted(), gateway.ApplyOptions{})
	if err != nil {
		return gateway.Result{}, gateway.Unchanged(err)
	}
	a.stood(c)
	return c.Finish(ctx)
}
