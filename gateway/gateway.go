// Package gateway is the engine. It brings a table of this network namespace to a policy in
// one transaction, takes that back unless somebody confirms it, ends the flows that contradict
// the policy in force, keeps the history, and reports the table's state and the connections.
//
// Values go in, values and events come out. It prints nothing and knows no flags and no exit
// statuses: a command, an agent and a test call the same functions.
package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// Gateway is a table of this network namespace and the way to it. It is not safe for concurrent
// use, but for what a Trial does beside it.
type Gateway struct {
	table string
	store history.Store
	tell  func(Event)
	lock  *Lock // nil: it only looks
	conn  *nftlink.Conn
	here  history.Place
	// forgot counts transactions that made persistent services forget clients: no object changes by
	// them, but the generation does.
	forgot uint32
	door   door // where who calls at the lock is answered
	state  func(*policy.Policy) policy.State
}

// Options say which table a Gateway is about.
type Options struct {
	Table    string // its name; the family is inet
	StateDir string // where the history is kept
	// State says which states the services of a policy have: an agent gave the table these. nil: none.
	State func(*policy.Policy) policy.State
	Tell  func(Event) // hears of what goes on; it may be called by several goroutines. nil: nobody hears
}

// Look opens a gateway to look at: what changes something fails with ErrNotHeld.
func Look(o Options) (*Gateway, error) {
	conn, err := nftlink.Open()
	if err != nil {
		return nil, err
	}
	g := &Gateway{table: o.Table, store: history.Open(o.StateDir), tell: o.Tell, state: o.State, conn: conn, here: here()}
	if g.tell == nil {
		g.tell = func(Event) {}
	}
	return g, nil
}

// Hold opens a gateway to change: nobody else may until it is closed. If somebody does already
// it fails with a BusyError.
func Hold(o Options) (*Gateway, error) {
	held, err := TakeLock(o.Table)
	if errors.Is(err, ErrLocked) {
		return nil, &BusyError{o.Table, WhoHolds(o.Table)}
	}
	if err != nil {
		return nil, err
	}
	g, err := Look(o)
	if err != nil {
		held.Release()
		return nil, err
	}
	g.lock = held
	return g, nil
}

// Generation returns the generation of all rulesets of this network namespace. The price is one small
// request.
func (g *Gateway) Generation(ctx context.Context) (nftlink.Generation, error) {
	return g.conn.Generation(ctx)
}

// Close lets go of the table and of the lock.
func (g *Gateway) Close() {
	g.conn.Close()
	if g.lock != nil {
		g.lock.Release()
	}
}

// ErrNotHeld says that a gateway was opened to look at only.
var ErrNotHeld = errors.New("the table is not held")

// Remove deletes the table, and the routes, rules and addresses that policies of this table asked for. A
// table of that name that snatctl did not make stays unless foreign is set: a ForeignError.
func (g *Gateway) Remove(ctx context.Context, foreign bool) (r Removed, err error) {
	if g.lock == nil {
		return r, ErrNotHeld
	}
	head, err := g.conn.Head(ctx, g.table)
	if err != nil {
		return r, err
	}
	if head != nil && !layout.Ours(head.Comment) && !foreign {
		return r, &ForeignError{g.table}
	}
	gone, err := g.removeAddresses(ctx)
	if err != nil {
		return r, Unchanged(err)
	}
	told, programs, err := g.removeCallers()
	if err != nil {
		return r, Unchanged(errors.Join(err, g.takeBack(gone)))
	}
	defer told.Close()
	routers, err := g.removeAnnounced()
	if err != nil {
		return r, Unchanged(errors.Join(err, told.Undo(), g.takeBack(gone)))
	}
	was, err := g.conn.Delete(ctx, g.table)
	if err != nil {
		err = fmt.Errorf("remove table inet %s: %w", g.table, err)
		return r, Unchanged(errors.Join(err, routers.undo(), told.Undo(), g.takeBack(gone)))
	}
	ways, rest := gone.Uplinks()
	return Removed{was, len(rest), len(ways), programs, routers.tally().Delete}, nil
}
