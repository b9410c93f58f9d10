package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route/routelink"
)

// flowTable is where flows are listed and ended: the kernel's, by ctlink.Conn.
type flowTable interface {
	Flows(context.Context) iter.Seq2[*ct.Flow, error]
	Delete(context.Context, []ctlink.Key) (int, error)
}

// cleans tells whether flows that contradict the policy are to end.
func (w *Wanted) cleans() bool { return w.Policy.Gateway.Cleanup != policy.CleanupNone }

// cleanup ends the flows that contradict the policy now in force; was are the tables before it.
// If it returns an error, the other results say what it has done so far.
func (g *Gateway) cleanup(ctx context.Context, was []*nft.Ruleset, want *nft.Ruleset) (s StaleFlows, zoned int, err error) {
	g.tell(Cleaning)
	defer g.took(Cleaning, time.Now())
	err = overFlows(was, func(table flowTable) error {
		var unlisted error
		s, zoned, unlisted = findStale(ctx, table, was, want)
		return errors.Join(unlisted, s.end(ctx, table))
	})
	return s, zoned, err
}

// foresee finds the flows that an apply would end, and leaves them alone.
func (g *Gateway) foresee(ctx context.Context, was []*nft.Ruleset, want *nft.Ruleset) (s StaleFlows, zoned int, err error) {
	g.tell(Foreseeing)
	defer g.took(Foreseeing, time.Now())
	err = overFlows(was, func(table flowTable) error {
		s, zoned, err = findStale(ctx, table, was, want)
		return err
	})
	if err != nil {
		err = fmt.Errorf("cannot tell which connections apply would end: %w", err)
	}
	return s, zoned, err
}

// before returns the tables before the change: one, or none.
func before(live *nft.Ruleset) []*nft.Ruleset {
	if live == nil {
		return nil
	}
	return []*nft.Ruleset{live}
}

// overFlows does something to the kernel's flows. Where no table stood none are stale, and
// nobody looks.
func overFlows(was []*nft.Ruleset, do func(flowTable) error) error {
	if len(was) == 0 {
		return nil
	}
	conn, err := ctlink.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(conn)
}

// judge sorts out the flows that contradict a table. The zero value takes those that are stale.
type judge struct {
	stale func(was, will *ct.Index, f *ct.Flow) (ct.Reason, bool) // nil: ct.Contradicts
	flows StaleFlows
	zoned int // that contradict it in other conntrack zones

	places map[staleKey]int
}

// list lists the flows once and judges each by the tables that were and the one to be, and by the
// way that it leaves now where that one asks for it.
func (j *judge) list(ctx context.Context, table flowTable, was []*nft.Ruleset, will *nft.Ruleset) error {
	local, err := host.Addresses()
	if err != nil {
		return err
	}
	var ways routelink.Ways
	defer ways.Close()
	after := ct.NewIndex(readback.Bindings(will), local).WithWays(ways.Of)
	var before []*ct.Index
	for _, r := range was {
		before = append(before, ct.NewIndex(readback.Bindings(r), local))
	}
	if j.stale == nil {
		j.stale = ct.Contradicts
	}
	j.places = make(map[staleKey]int)
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return fmt.Errorf("list the flows: %w", err)
		}
		for _, b := range before {
			if why, stale := j.stale(b, after, f); stale {
				j.enter(why, f)
				break
			}
		}
	}
	return ways.Err()
}

func (j *judge) enter(why ct.Reason, f *ct.Flow) {
	if f.Zoned() {
		j.zoned++ // another table's doing
		return
	}
	j.flows = j.flows.enter(j.places, why, ctlink.KeyOf(f))
}

func (j *judge) found() StaleFlows { return j.flows.sorted() }

// findStale finds the flows that contradict a table, and counts those in other conntrack zones.
func findStale(ctx context.Context, table flowTable, was []*nft.Ruleset, will *nft.Ruleset) (StaleFlows, int, error) {
	var j judge
	err := j.list(ctx, table, was, will)
	return j.found(), j.zoned, err
}

// end ends the flows. What cannot be ended is told and does not stop the rest.
func (s StaleFlows) end(ctx context.Context, table flowTable) error {
	var refused *ctlink.DeleteError
	for i := range s {
		o := &s[i]
		var err error
		o.Ended, err = table.Delete(ctx, o.Keys)
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
