package gateway

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/beside"
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
func (g *Gateway) cleanup(ctx context.Context, stale verdict, was []*nft.Ruleset, want *nft.Ruleset) (StaleFlows, int, error) {
	return g.overFlows(ctx, stale, was, want, true)
}

// foresee finds the flows that an apply would end, and leaves them alone.
func (g *Gateway) foresee(ctx context.Context, was []*nft.Ruleset, want *Wanted) (StaleFlows, int, error) {
	s, zoned, err := g.overFlows(ctx, want.stale(), was, want.Ruleset, false)
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

// verdict tells whether a flow contradicts the policy of will, and why.
type verdict func(was, will *ct.Index, f *ct.Flow) (ct.Reason, bool)

// overFlows finds the kernel's flows that contradict want, by the tables before it, and ends them if
// that is asked for. It also counts those in other conntrack zones, which it leaves alone. Where no
// table stood none are stale, and nobody looks.
func (g *Gateway) overFlows(ctx context.Context, stale verdict, was []*nft.Ruleset, want *nft.Ruleset, ending bool) (s StaleFlows, zoned int, err error) {
	stage := Foreseeing
	if ending {
		stage = Cleaning
	}
	g.tell(stage)
	defer g.took(stage, time.Now())
	if len(was) == 0 {
		return nil, 0, nil
	}
	table, err := ctlink.Open()
	if err != nil {
		return nil, 0, err
	}
	defer table.Close()
	s, zoned, err = findStale(ctx, table, stale, was, want)
	if ending {
		err = errors.Join(err, s.end(ctx, table))
	}
	return s, zoned, err
}

// findStale lists the flows once and judges each by the tables that were and the one to be, and by
// the way that it leaves now where that one asks for it.
func findStale(ctx context.Context, table flowTable, stale verdict, was []*nft.Ruleset, will *nft.Ruleset) (s StaleFlows, zoned int, err error) {
	local, err := host.Addresses()
	if err != nil {
		return nil, 0, err
	}
	var ways routelink.Ways
	defer ways.Close()
	after, before := indexes(was, will, local)
	after = after.WithWays(ways.Of)
	places := make(map[staleKey]int)
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return s.sorted(), zoned, fmt.Errorf("list the flows: %w", err)
		}
		for _, b := range before {
			why, is := stale(b, after, f)
			switch {
			case !is:
				continue
			case f.Zoned():
				zoned++ // another table's doing
			default:
				s = s.enter(places, why, ctlink.KeyOf(f))
			}
			break
		}
	}
	return s.sorted(), zoned, ways.Err()
}

// indexes returns the indexes of the table to be, and of those that were. They are made beside each other.
func indexes(was []*nft.Ruleset, will *nft.Ruleset, local []netip.Addr) (after *ct.Index, before []*ct.Index) {
	of := append([]*nft.Ruleset{will}, was...)
	made := make([]*ct.Index, len(of))
	beside.Each(len(of), func(i int) { made[i] = ct.NewIndex(readback.Bindings(of[i]), local) })
	return made[0], made[1:]
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
