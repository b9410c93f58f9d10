package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/route/routelink"
	"github.com/snatctl/snatctl/toa/toalink"
)

// ApplyOptions say how a policy is applied. The zero value applies it for good, ends the flows
// that contradict it, and leaves the history alone.
type ApplyOptions struct {
	Command string        // as the history calls it: "apply"; empty: nothing is entered
	User    string        // who asked for it
	Spare   bool          // flows that contradict the policy
	Confirm time.Duration // take it back unless it is confirmed within this time; 0: keep it
}

// Change is a policy that has been put in force.
type Change struct {
	g   *Gateway
	w   *Wanted
	o   ApplyOptions
	did *committed

	around *around // what goes beside the transaction
	left   error   // what of that was not done: an IncompleteError

	mu    sync.Mutex // over entry: a trial ends beside the rest
	entry entry      // in the history

	earlier leftovers     // of other changes
	last    history.Entry // before the change; zero: none, or it is not the policy in force

	// Trial waits for confirmation; nil if none was asked for, or if nothing has changed.
	Trial *Trial
}

// Apply puts a policy in force and does all that belongs to it.
func (g *Gateway) Apply(ctx context.Context, w *Wanted, o ApplyOptions) (Result, error) {
	o.Confirm = 0
	c, err := g.Commit(ctx, w, o)
	if err != nil {
		return Result{}, err
	}
	return c.Finish(ctx)
}

// Commit puts a policy in force, in one transaction. After an error nothing has changed. What
// else belongs to an apply Finish does; where confirmation is asked for the time for it runs
// from now.
func (g *Gateway) Commit(ctx context.Context, w *Wanted, o ApplyOptions) (*Change, error) {
	if g.lock == nil {
		return nil, ErrNotHeld
	}
	if err := w.complete(ctx, g.conn); err != nil {
		return nil, err
	}
	entries, _, unread := g.History(ctx)
	a, err := g.planAround(w, g.earlierAnnounced(entries))
	if err != nil {
		return nil, err
	}
	c := &Change{g: g, w: w, o: o, around: a}
	if unread == nil {
		c.earlier = g.leftoversOf(entries)
		if mine := g.ofHere(entries); len(mine) > 0 && mine[0].State == history.Applied {
			c.last = mine[0]
		}
	}
	g.warnOfSiblings(ctx, w)
	if c.did, err = g.commit(ctx, w.Ruleset, o.Confirm > 0, func(at comparison) (func() error, error) { return c.prepare(ctx, at) }); err != nil {
		return nil, err
	}
	c.left = a.after(ctx)
	c.did.difference.tellAround(a, c.did.live)
	if o.Confirm == 0 {
		a.release()
	}
	c.inForce(ctx)
	return c, nil
}

// changes tells whether a plan, or what goes beside it, changes anything that lasts.
func (c *Change) changes(p nft.Plan) bool { return !p.Empty() || !c.around.empty() }

// Changed tells whether it has changed anything; otherwise Finish has nothing to do for who only wanted
// things to be as they are.
func (c *Change) Changed() bool { return c.changes(c.did.plan) }

// prepare does what goes before the transaction, and returns what undoes it.
func (c *Change) prepare(ctx context.Context, at comparison) (func() error, error) {
	if c.changes(at.plan) {
		c.entry = c.g.enter(c.w, c.o, at.live != nil || len(c.earlier.unclean) > 0)
	}
	err := helpersThere(ctx, c.w.Ruleset)
	if err == nil {
		err = c.around.before(ctx)
	}
	return func() error { c.g.drop(c.entry); return c.around.undo() }, err
}

// inForce starts the trial, if there is one, and enters what happened into the history.
func (c *Change) inForce(ctx context.Context) {
	as, summary := history.Applied, c.did.difference.Summary()
	if !c.changes(c.did.plan) {
		c.entry = c.g.enter(c.w, c.o, len(c.earlier.unclean) > 0)
	} else if c.o.Confirm > 0 {
		as = history.Unconfirmed
		c.entry.State = as // before the trial may decide otherwise
		c.Trial = newTrial(ctx, c)
	}
	err := c.note(func(e *history.Entry) {
		e.Summary = summary
		if e.State == history.Pending {
			e.State = as
		}
	})
	if err != nil {
		c.g.tell(Warning{fmt.Errorf("the policy is in force, but the history in %s is not complete: %w (rollback and boot may not know this policy; see --state-dir)", c.g.store.Dir(), err)})
	}
}

// note changes the entry, and writes that down.
func (c *Change) note(change func(*history.Entry)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.entry.Entry)
	return c.g.update(c.entry)
}

// Finish does what comes after the transaction: it makes persistent services forget clients,
// switches accounting on, and ends the flows that contradict the policy. It stops early if a
// trial ends meanwhile. An IncompleteError comes with the result, too.
func (c *Change) Finish(ctx context.Context) (Result, error) {
	if c.Trial != nil {
		ctx = c.Trial.going
	}
	g, did := c.g, c.did
	r := Result{Difference: did.difference, Table: !did.plan.Empty(), Done: true}
	c.around.count(&r)
	g.announce(c.around.plan)
	if did.live != nil && !did.plan.Empty() {
		g.settle()
	}
	g.releaseClients(ctx, c.w)
	g.accountingOn(c.w.Policy)
	if _, err := g.pickUpOff(c.w.Policy); err != nil {
		g.tell(Warning{err})
	}
	if !c.cleans() {
		c.supersede()
		return r, c.left
	}
	var err error
	if r.Stale, r.Zoned, err = g.cleanup(ctx, c.w.stale(), append(before(did.live), g.tables(c.earlier)...), c.w.Ruleset); err != nil {
		return r, errors.Join(c.left, incomplete("the policy is in force, but connections that contradict it may remain: %w; apply again to end them", err))
	}
	c.clean()
	c.supersede()
	return r, c.left
}

// supersede drops the entry before, if it is of the same policy with other addresses of interfaces: else a
// link that gets a new address every day would fill the history, and `rollback` lead to the same policy.
func (c *Change) supersede() {
	if c.w.Facts.Whole && c.last.Facts.Whole && c.entry.ID != 0 && c.entry.State == history.Applied && !c.entry.Unclean &&
		slices.Equal(c.last.Files, c.entry.Files) && !c.last.Facts.Equal(c.w.Facts) {
		_ = c.g.store.Drop(c.last) // one too many does no harm
	}
}

func (c *Change) cleans() bool { return !c.o.Spare && c.w.cleans() }

// clean says in the history that no flows are left that contradict the table.
func (c *Change) clean() {
	if c.entry.ID == 0 || !c.entry.Unclean {
		return
	}
	c.g.markClean(c.earlier.unclean)
	_ = c.note(func(e *history.Entry) { e.Unclean = false })
}

// Unchanged adds to the error of an apply that the kernel is as it was, if so.
func Unchanged(err error) error {
	var routes *routelink.UndoError
	var programs *toalink.UndoError
	var routers *UnannounceError
	if errors.As(err, &routes) || errors.As(err, &programs) || errors.As(err, &routers) {
		return err
	}
	if errors.Is(err, nftlink.ErrUnknown) {
		return fmt.Errorf("%w; run `snatctl diff` when the table can be read again", err)
	}
	return fmt.Errorf("%w; nothing was changed", err)
}
