package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/snatctl/snatctl/gateway/history"
)

// Newest returns the newest entry of the history that was made in this network namespace, or
// before the machine started anew. nil: there is none.
func (g *Gateway) Newest(ctx context.Context) (*history.Entry, error) {
	entries, _, err := g.History(ctx)
	if err != nil {
		return nil, err
	}
	if entries = g.ofHere(entries); len(entries) == 0 {
		return nil, nil
	}
	return &entries[0], nil
}

// Recorded tells whether an entry is of the policy that is wanted.
func (w *Wanted) Recorded(e *history.Entry) bool { return e != nil && e.Holds(absolute(w.Sources)) }

// ErrNoGood says that the history has no policy that was applied, not taken back, and that can be made
// again.
var ErrNoGood = errors.New("the history has no good policy")

// LastGood makes the newest policy of the history again that was applied and not taken back, as a boot
// does.
func (g *Gateway) LastGood(ctx context.Context) (*Wanted, *history.Entry, error) {
	entries, _, err := g.History(ctx)
	if err != nil {
		return nil, nil, err
	}
	why := ErrNoGood
	for _, e := range history.Good(g.ofHere(entries)) {
		w, err := g.anew(e)
		if err == nil {
			return w, &e, nil
		}
		why = fmt.Errorf("%w: entry %d: %w", ErrNoGood, e.ID, err)
	}
	return nil, nil, why
}
