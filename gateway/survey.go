package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy/lint"
)

// Survey is a picture with the sums over all flows: what status shows.
type Survey struct {
	ct.Report
	Stats     ctlink.Stats
	Dead      []ct.Problem  // why nothing is forwarded, and what is not as the policy says; only Check looks
	Uncounted bool          // the kernel counts no bytes
	Took      time.Duration // to read the table and to list the flows
}

// Survey lists the flows once and sums them up.
func (r *Reader) Survey(ctx context.Context, p *Picture) (Survey, error) {
	return r.surveyed(ctx, p, func(*ct.Flow) {})
}

// surveyed is Survey, and shows each flow to who wants to sum up more.
func (r *Reader) surveyed(ctx context.Context, p *Picture, also func(*ct.Flow)) (Survey, error) {
	index, ways := p.Routed()
	defer ways.Close()
	tally := ct.NewTally(index)
	for f, err := range r.Flows(ctx) {
		if err != nil {
			return Survey{}, fmt.Errorf("list the flows: %w", err)
		}
		tally.Add(f)
		also(f)
	}
	s, err := Survey{Report: tally.Report()}, ways.Err()
	if err != nil {
		return s, err
	}
	if s.Stats, err = r.Stats(ctx); err != nil {
		return s, fmt.Errorf("read the counters of conntrack: %w", err)
	}
	s.Conntrack.Max, s.Conntrack.InsertFailed = uint64(s.Stats.Max), s.Stats.InsertFailed
	r.enterTold(&s.Report)
	s.Uncounted = !host.IsOn(lint.AccountingKeys()[0])
	return s, nil
}

// dead finds why a gateway forwards nothing although its table is there: the kernel does not
// forward a family that the table is about, or another table drops all new connections. Of a
// chain whose rules may let some pass it says nothing: `lint --live` does.
func (r *Reader) dead(ctx context.Context, p *Picture) ([]ct.Problem, error) {
	var out []ct.Problem
	add := func(format string, args ...any) {
		out = append(out, ct.Problem{Severity: ct.Critical, Object: "gateway", Text: fmt.Sprintf(format, args...)})
	}
	for _, f := range inet.Families {
		if key := lint.ForwardingKey(f); p.Uses[f] && !host.IsOn(key) {
			add("forwards no %s: %s is not 1; sysctl -w %[2]s=1", f, host.SysctlName(key))
		}
	}
	chains, err := r.nft.BaseChains(ctx)
	if err != nil {
		return nil, err
	}
	of := map[string]bool{"ip": p.Uses[inet.V4], "ip6": p.Uses[inet.V6], "inet": true}
	for _, c := range chains {
		if of[c.Family] && !(c.Family == "inet" && c.Table == p.Table) && c.Fate.Drops && c.Fate.Passes == 0 {
			add("chain %q of table %s %q drops every new connection that is forwarded; accept the policy's traffic there", c.Name, c.Family, c.Table)
		}
	}
	legacy, err := host.Legacy()
	if err != nil {
		return nil, err
	}
	for _, c := range legacy {
		if of[c.Family] && c.Drops && c.Passes == 0 {
			add("chain %q of iptables' own table %q (%s) drops every new connection that is forwarded; accept the policy's traffic there", c.Name, c.Table, c.Family)
		}
	}
	return out, nil
}

// Verdict returns all that is wrong, critical ones first, and how bad the worst of it is: the
// zero Severity if nothing is.
func (s *Survey) Verdict() (worst ct.Severity, problems []ct.Problem) {
	problems = append(slices.Clone(s.Dead), s.Problems()...)
	slices.SortStableFunc(problems, func(a, b ct.Problem) int { return cmp.Compare(b.Severity, a.Severity) })
	if len(problems) > 0 {
		worst = problems[0].Severity
	}
	return worst, problems
}
