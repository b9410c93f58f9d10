package gateway

import (
	"context"
	"errors"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route"
	"github.com/snatctl/snatctl/toa/toalink"
)

// around is what goes beside a transaction: forwarding, routes and addresses, programs at interfaces, what routers are told.
type around struct {
	g       *Gateway
	w       *Wanted
	plan    route.Plan
	done    route.Plan
	callers *toalink.Plan // has real servers learn who called
	told    *toalink.Done // nil: nothing is done yet
	routers *announcing
	off     func() // sets sysctls back, as far as they were set
}

// planAround finds out what there is to do. earlier are files of BIRD that earlier policies had.
func (g *Gateway) planAround(w *Wanted, earlier []policy.Announce) (*around, error) {
	plan, err := g.planAddresses(w)
	if err != nil {
		return nil, err
	}
	callers, err := g.planCallers(w.Policy)
	if err != nil {
		return nil, err
	}
	routers, err := g.compareAnnounced(w.Policy, earlier)
	return &around{g: g, w: w, plan: plan, callers: callers, routers: routers, off: func() {}}, err
}

// empty tells whether there is nothing to do that lasts.
func (a *around) empty() bool { return len(a.plan) == 0 && a.callers.Empty() && a.routers.empty() }

// count enters how much of it there is.
func (a *around) count(r *Result) {
	r.Addresses, r.Callers, r.Announced = tallyOf(a.plan), a.callers.Tally(), a.routers.tally()
}

// before does what the new table needs. After an error undo takes back what it did.
func (a *around) before(ctx context.Context) (err error) {
	for _, set := range []func() (undo func(), err error){
		func() (func(), error) { return a.g.forwardingOn(a.w) },
		func() (func(), error) { return a.g.pickUpOff(a.w.Policy) },
		func() (func(), error) { return a.g.timeoutsOn(a.w.Policy) },
	} {
		back, err := set()
		if err != nil {
			return err
		}
		earlier := a.off
		a.off = func() { back(); earlier() }
	}
	needed, _ := a.plan.Split()
	if a.done, err = a.g.carryOut(ctx, needed); err != nil {
		return err
	}
	if a.told, err = a.callers.Before(); err != nil {
		return err
	}
	return a.routers.before()
}

// after removes what only the table before needed. The error is an IncompleteError: what is left
// the next apply finds.
func (a *around) after(ctx context.Context) error {
	_, unneeded := a.plan.Split()
	gone, err := a.g.carryOut(ctx, unneeded)
	a.done = append(a.done, gone...)
	if err != nil {
		return incomplete("the policy is in force, but addresses that it does not name may be left: %w; apply again", err)
	}
	if err := a.told.After(); err != nil {
		return incomplete("the policy is in force, but a program that it does not need may be left: %w; apply again", err)
	}
	if err := a.routers.after(); err != nil {
		return incomplete("the policy is in force, but routers are not told of its VIPs and laddrs: %w; apply again", err)
	}
	return nil
}

// release lets go of what undo needs.
func (a *around) release() { a.told.Close() }

// undo takes all of it back.
func (a *around) undo() error {
	a.off()
	return errors.Join(a.routers.undo(), a.told.Undo(), a.g.takeBack(a.done))
}

// tellAround says what goes beside a transaction, after all that changes in the table. live is the table as it was.
func (d *Difference) tellAround(a *around, live *nft.Ruleset) {
	d.tellAddresses(a.w, live, a.plan)
	d.tellCallers(a.callers)
	d.tellAnnounced(a.routers)
}
