package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/nft"
)

// flowTable is where flows are listed and ended: the kernel's, by ctlink.Conn.
type flowTable interface {
	Flows(context.Context) iter.Seq2[*ct.Flow, error]
	Delete(context.Context, []ctlink.Key) (int, error)
}

// cleanup ends the flows that contradict the policy now in force; was is the table that
// stood before. What it returns beside an error is what it has done so far.
func cleanup(ctx context.Context, was, want *nft.Ruleset, t *timings) (staleFlows, error) {
	t.bar.stage("ending stale flows")
	return t.overFlows(was, func(table flowTable) (staleFlows, error) {
		s, findErr := findStale(ctx, table, was, want)
		return s, errors.Join(findErr, s.end(ctx, table))
	})
}

// foresee finds the flows that an apply would end, and lets them be.
func foresee(ctx context.Context, was, want *nft.Ruleset, t *timings) (staleFlows, error) {
	t.bar.stage("looking at the flows")
	return t.overFlows(was, func(table flowTable) (staleFlows, error) { return findStale(ctx, table, was, want) })
}

// overFlows does something to the kernel's flows. Where no table stood none are stale, and
// nobody has to look.
func (t *timings) overFlows(was *nft.Ruleset, do func(flowTable) (staleFlows, error)) (staleFlows, error) {
	if was == nil {
		return nil, nil
	}
	defer func(start time.Time) { t.Cleanup += since(start) }(time.Now())
	conn, err := ctlink.Open()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return do(conn)
}

// findStale lists the flows once and judges each by the table that was and the one to be.
func findStale(ctx context.Context, table flowTable, was, will *nft.Ruleset) (staleFlows, error) {
	local, err := localAddrs()
	if err != nil {
		return nil, err
	}
	before, after := ct.NewIndex(readback.Bindings(was), local), ct.NewIndex(readback.Bindings(will), local)
	var s staleFlows
	places := make(map[staleKey]int)
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return s.sorted(), fmt.Errorf("list the flows: %w", err)
		}
		if why, stale := ct.Stale(before, after, f); stale {
			s = s.enter(places, why, ctlink.KeyOf(f))
		}
	}
	return s.sorted(), nil
}

// end ends the flows. What cannot be ended is told and does not stop the rest.
func (s staleFlows) end(ctx context.Context, table flowTable) error {
	var refused *ctlink.DeleteError
	for i := range s {
		o := &s[i]
		var err error
		o.ended, err = table.Delete(ctx, o.keys)
		var some *ctlink.DeleteError
		switch {
		case err == nil:
		case !errors.As(err, &some):
			return err
		case refused == nil:
			refused = some
		default:
			refused.Failed += some.Failed
		}
	}
	if refused != nil {
		return refused
	}
	return nil
}
