package gateway

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/gateway/history"
)

// Cleaned is what a cleanup has done, or would do.
type Cleaned struct {
	Stale StaleFlows
	Zoned int  // flows in other conntrack zones that contradict the table; they are left alone
	Done  bool // otherwise nothing was changed
}

// Clean ends all flows that contradict the table in force, without an apply: also those that a zone
// refuses now and that were there before it, and those that earlier applies have left. If the
// gateway is not held it only finds them. An IncompleteError says that some may be left.
func (g *Gateway) Clean(ctx context.Context) (c Cleaned, err error) {
	now, _, err := g.conn.Read(ctx, g.table)
	if err != nil {
		return c, err
	}
	if now == nil {
		return c, (&Picture{Table: g.table}).Missing()
	}
	entries, _, err := g.History(ctx)
	if err != nil {
		entries = nil // it may be out of reach for who only looks
	}
	left := g.leftoversOf(entries)
	if c.Done = g.lock != nil; c.Done {
		g.settle()
	}
	c.Stale, c.Zoned, err = g.overFlows(ctx, ct.Refused, append(before(now), g.tables(left)...), now, c.Done)
	if err != nil {
		return c, incomplete("connections that contradict the table may be left: %w", err)
	}
	if c.Done {
		g.markClean(left.unclean)
	}
	return c, nil
}

// markClean says in the history that no flows are left that contradict what followed.
func (g *Gateway) markClean(entries []history.Entry) {
	for i := range entries {
		entries[i].Unclean = false
		_ = g.store.Update(entries[i]) // at worst they are looked for again
	}
}

// Select returns the keys of the flows that a filter takes.
func (r *Reader) Select(ctx context.Context, p *Picture, takes func(*ct.Flow, *ct.Owner) bool) (keys []ctlink.Key, err error) {
	index, ways := p.Routed()
	defer ways.Close()
	for f, err := range r.Flows(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list the flows: %w", err)
		}
		if owner := index.Owner(f); takes(f, &owner) {
			keys = append(keys, ctlink.KeyOf(f))
		}
	}
	return keys, ways.Err()
}

// End ends flows, and returns how many. One that has ended by itself counts as none.
func (r *Reader) End(ctx context.Context, keys []ctlink.Key) (int, error) {
	return r.ct.Delete(ctx, keys)
}
