package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route/routelink"
)

// Left is what became of the flows of an uplink that went down.
type Left struct {
	Ended int // they cannot go on: their next packet begins a new flow, which has another way
	Moved int // they go on by another uplink, since their address is good there, too
	Stay  int // nothing else has them, or they are those of callers from outside
}

// Leave has the flows of uplinks that are down go elsewhere, as the policy with its state says: those whose
// laddr is good on the uplink that new connections have now move there, and others end (policy.Policy.Leave).
// It lists the flows once. An IncompleteError comes with the result; flows in other conntrack zones are left
// alone.
func Leave(ctx context.Context, p *policy.Policy, uplinks []string) (map[string]Left, error) {
	passed() // else a packet on its way, which met the choice as it was, becomes a flow that is not listed
	table, err := ctlink.Open()
	if err != nil {
		return nil, incomplete("flows of uplinks that are down may be left: %w", err)
	}
	defer table.Close()
	ways := new(routelink.Ways)
	defer ways.Close()
	l := departing(p, uplinks)
	l.ways = ways.Of
	err = l.list(ctx, table)
	if err = errors.Join(err, l.carryOut(ctx, table)); err != nil {
		err = incomplete("flows of uplinks that are down may be left: %w", err)
	}
	return l.out, err
}

// leaver is where flows are listed, marked and ended: the kernel's, by ctlink.Conn.
type leaver interface {
	flowTable
	Remark(ctx context.Context, keys []ctlink.Key, mark, mask uint32) (int, error)
}

// leaving finds out what becomes of the flows of some uplinks.
type leaving struct {
	policy  *policy.Policy
	numbers map[string]int
	from    map[int]string // names of the uplinks, by number
	ways    ct.Ways

	keys map[departure][]ctlink.Key
	out  map[string]Left
}

// departure is where flows leave, and where they go to.
type departure struct {
	from string
	to   string // empty: they end
}

func departing(p *policy.Policy, uplinks []string) *leaving {
	l := &leaving{policy: p, numbers: p.Gateway.Numbers(), from: make(map[int]string), keys: make(map[departure][]ctlink.Key), out: make(map[string]Left)}
	for _, name := range uplinks {
		l.from[l.numbers[name]] = name
	}
	return l
}

// list finds the flows, and what becomes of each.
func (l *leaving) list(ctx context.Context, table leaver) error {
	for f, err := range table.Flows(ctx) {
		if err != nil {
			return fmt.Errorf("list the flows: %w", err)
		}
		from, ok := l.from[policy.MarkedUplink(f.Mark)]
		if !ok || f.Zoned() || l.inside(f) {
			continue
		}
		if to, goes := l.policy.Leave(from, leavingOf(f)); goes {
			d := departure{from, to}
			l.keys[d] = append(l.keys[d], ctlink.KeyOf(f))
		} else {
			stays := l.out[from]
			stays.Stay++
			l.out[from] = stays
		}
	}
	return nil
}

// inside tells whether a flow needs no uplink, whatever its mark: routes lead to its destination by other
// interfaces.
func (l *leaving) inside(f *ct.Flow) bool {
	by := l.ways(f)
	return len(by) > 0 && !slices.ContainsFunc(by, func(name string) bool { return l.policy.Gateway.Through(name) != nil })
}

// carryOut moves and ends flows.
func (l *leaving) carryOut(ctx context.Context, table leaver) (failed error) {
	for d, keys := range l.keys {
		is := l.out[d.from]
		var n int
		var err error
		if d.to == "" {
			n, err = table.Delete(ctx, keys)
			is.Ended += n
		} else {
			n, err = table.Remark(ctx, keys, policy.UplinkMark(l.numbers[d.to]), policy.UplinkBits)
			is.Moved += n
		}
		l.out[d.from] = is
		failed = errors.Join(failed, err)
	}
	return failed
}

// leavingOf is a flow as a policy judges it.
func leavingOf(f *ct.Flow) policy.Leaving {
	l := policy.Leaving{Proto: f.Orig.Proto, From: f.Orig.Src, To: f.Orig.Dst, Answered: answered(f), Service: f.TranslatedDst(), CameIn: f.Mark&policy.UplinkCameIn != 0}
	if f.TranslatedSrc() {
		l.Laddr = f.Reply.Dst.Addr()
	}
	return l
}
