package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// ApplyOptions say how a policy is applied. The zero value applies it for good, ends the flows
// that contradict it, and leaves the history alone.
type ApplyOptions struct {
	Command string        // as the history calls it: "apply"; empty: nothing is entered
	User    string        // who asked for it
	Keep    bool          // flows that contradict the policy
	Confirm time.Duration // take it back unless it is confirmed within this time; 0: keep it
}

// Change is a policy that has been put in force.
type Change struct {
	g    *Gateway
	w    *Wanted
	o    ApplyOptions
	did  *committed
	mark func(history.State) error // says in the history what became of it

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
	did, err := g.commit(ctx, w.Ruleset, o.Confirm > 0, func(nft.Plan) (func(), error) { return g.forwardingOn(w) })
	if err != nil {
		return nil, err
	}
	c := &Change{g: g, w: w, o: o, did: did}
	as := history.Applied
	if o.Confirm > 0 && !did.plan.Empty() {
		as = history.Unconfirmed
		c.Trial = newTrial(ctx, c)
	}
	c.mark = g.record(w, o, did.difference, as)
	if c.Trial != nil {
		c.Trial.recorded <- c.mark
	}
	return c, nil
}

// Finish does what comes after the transaction: it makes persistent services forget clients,
// switches accounting on, and ends the flows that contradict the policy. It stops early if a
// trial ends meanwhile. The result stands beside an IncompleteError too.
func (c *Change) Finish(ctx context.Context) (Result, error) {
	if c.Trial != nil {
		ctx = c.Trial.going
	}
	g, did := c.g, c.did
	r := Result{Difference: did.difference, Plan: did.plan, Done: true}
	if did.live != nil && !did.plan.Empty() {
		g.settle()
	}
	g.releaseClients(ctx, c.w)
	g.accountingOn(c.w.Policy)
	if !c.cleans() || did.live == nil {
		return r, nil
	}
	var err error
	if r.Stale, err = g.cleanup(ctx, before(did.live), c.w.Ruleset); err != nil {
		err = incomplete("the policy is in force, but connections that contradict it may be left: %w; apply again to end them (it no longer recognizes connections of a service or laddr that is gone: see `conntrack -L`)", err)
	}
	return r, err
}

func (c *Change) cleans() bool { return !c.o.Keep && c.w.cleans() }

// record keeps what was applied, and returns what marks it later. The policy is in force by
// then: what fails is worth a warning.
func (g *Gateway) record(w *Wanted, o ApplyOptions, d Difference, as history.State) (mark func(history.State) error) {
	if o.Command == "" {
		return func(history.State) error { return nil }
	}
	g.tell(Recording)
	defer g.took(Recording, time.Now())
	e := history.Entry{Table: g.table, Time: time.Now().UTC().Truncate(time.Second), User: o.User, Command: o.Command, Summary: d.Summary(), State: as}
	e, err := g.store.Add(e, absolute(w.Sources))
	if err != nil {
		g.tell(Warning{fmt.Errorf("the policy is in force, but the history in %s is not complete: %w (rollback and boot may not know this policy; see --state-dir)", g.store.Dir(), err)})
	}
	return func(s history.State) error {
		if e.ID == 0 {
			return err
		}
		err := g.store.Mark(e, s)
		if err != nil {
			g.tell(Warning{fmt.Errorf("entry %d of the history in %s still says %q, and should say %q: %w", e.ID, g.store.Dir(), e.State, s, err)})
		}
		return err
	}
}

// absolute returns the sources with names that tell where they were.
func absolute(sources []policy.Source) []policy.Source {
	out := make([]policy.Source, len(sources))
	for i, s := range sources {
		out[i] = s
		if path, err := filepath.Abs(s.Name); err == nil && s.Name != "<stdin>" {
			out[i].Name = path
		}
	}
	return out
}

// Unchanged adds to the error of an apply that the kernel is as it was, if so.
func Unchanged(err error) error {
	if errors.Is(err, nftlink.ErrUnknown) {
		return fmt.Errorf("%w; `snatctl diff` tells once the table can be read", err)
	}
	return fmt.Errorf("%w; nothing was changed", err)
}
