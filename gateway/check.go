package gateway

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// Check sums up the flows, and finds all that is wrong with a table, in one reading of it: why
// nothing is forwarded, and, where the history knows what was applied, what of that is not so. A
// table that does not stand is ErrNoTable.
func Check(ctx context.Context, o Options) (s Survey, err error) {
	g, err := Look(o)
	if err != nil {
		return s, err
	}
	defer g.Close()
	r, err := OpenReader(o.Table)
	if err != nil {
		return s, err
	}
	defer r.Close()
	now, err := g.read(ctx)
	if err != nil {
		return s, err
	}
	p, err := r.picture(now.live, now.generation)
	if err == nil {
		err = p.Missing()
	}
	if err != nil {
		return s, err
	}
	if s, err = r.Survey(ctx, p); err != nil {
		return s, err
	}
	if s.Dead, err = r.dead(ctx, p); err != nil {
		return s, err
	}
	if w := g.inForceOf(ctx, now); w != nil {
		more, err := g.whole(ctx, w, now)
		if err != nil {
			return s, err
		}
		s.Dead = append(s.Dead, more...)
	}
	return s, nil
}

// inForceOf returns the newest policy of the history that is in force, as far as the table that
// stands tells. nil: none is, or it cannot be made again.
func (g *Gateway) inForceOf(ctx context.Context, now present) *Wanted {
	entries, _, err := g.historyOf(ctx, &now)
	if err != nil {
		return nil
	}
	for _, e := range g.ofHere(entries) {
		switch e.State {
		case history.Pending:
			return nil // nobody knows
		case history.Applied, history.Unconfirmed:
			w, err := g.again(e)
			if err != nil {
				return nil
			}
			return w
		}
	}
	return nil
}

// whole finds why a table does not do what its policy says: it was changed by hand, an uplink is
// not there, or answers to laddrs do not come here, as far as this host knows. w is the policy in
// force.
func (g *Gateway) whole(ctx context.Context, w *Wanted, now present) ([]ct.Problem, error) {
	if err := w.complete(ctx, g.conn); err != nil {
		return nil, err
	}
	c, err := g.against(now, w.Ruleset)
	if err != nil {
		return nil, err
	}
	var out []ct.Problem
	if rules, elements := c.plan.Counts(); !c.plan.Empty() {
		out = append(out, ct.Problem{Severity: ct.Critical, Object: "gateway",
			Text: fmt.Sprintf("the table is not what was applied: %s; %s", tallies(rules, elements), repair)})
	}
	more, err := uplinks(w.Policy)
	if err != nil {
		return nil, err
	}
	out = append(out, more...)
	if more, err = moved(w.Policy); err != nil {
		return nil, err
	}
	out = append(out, more...)
	if more, err = g.misplaced(w); err != nil {
		return nil, err
	}
	out = append(out, more...)
	out = append(out, g.unannounced(w.Policy)...)
	return append(out, unreachable(ctx, w)...), nil
}

func tallies(rules, elements nft.Tally) string {
	return fmt.Sprintf("rules +%d -%d, elements +%d -%d", rules.Add, rules.Delete, elements.Add, elements.Delete)
}

// uplinks finds uplinks that no interface of this host is.
func uplinks(p *policy.Policy) (out []ct.Problem, err error) {
	all, err := Uplinks(p)
	for _, u := range all {
		if !u.There {
			out = append(out, ct.Problem{Severity: ct.Critical, Object: "gateway", Text: "there is no uplink " + u.Name + ": " + Untranslated})
		}
	}
	return out, err
}

// Uplink is an uplink of a policy, as it is written: "ppp*" stands for all that begin so.
type Uplink struct {
	Name  string
	There bool // some interface of this host is it
}

// Untranslated says what it means that an uplink is not there.
const Untranslated = "packets that leave by another interface are not translated"

// Uplinks lists the uplinks of a policy, in its order.
func Uplinks(p *policy.Policy) ([]Uplink, error) {
	if len(p.Gateway.Uplinks) == 0 {
		return nil, nil
	}
	there, err := host.Devices()
	if err != nil {
		return nil, err
	}
	out := make([]Uplink, len(p.Gateway.Uplinks))
	for i, name := range p.Gateway.Uplinks {
		out[i] = Uplink{name, slices.ContainsFunc(there, func(d string) bool { return inet.IsInterface(name, d) })}
	}
	return out, nil
}

// moved finds services whose VIPs are the addresses of an interface that has others now, or none.
func moved(p *policy.Policy) (out []ct.Problem, err error) {
	facts, err := Facts("", p)
	if err != nil {
		return nil, err
	}
	add := func(object, text string) {
		out = append(out, ct.Problem{Severity: ct.Critical, Object: object, Text: text})
	}
	for _, m := range p.Moved(facts) {
		add("service "+m.Service, fmt.Sprintf("%s has %s now, but the table has %s for VIPs; `snatctl rollback 0` brings it up to date",
			m.Interface, someAddresses(m.Is), someAddresses(m.Was)))
	}
	for _, d := range p.Lacking() {
		add(d.Object, strings.TrimPrefix(d.Msg, d.Object+": "))
	}
	return out, nil
}

func someAddresses(list []netip.Addr) string {
	if len(list) == 0 {
		return "no address"
	}
	var words []string
	for _, a := range list {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// reachability are the rules of lint that know whether packets to the policy's addresses come here.
var reachability = map[string]bool{"P03": true}

// unreachable finds addresses to which nobody sends packets here. What cannot be read says nothing.
func unreachable(ctx context.Context, w *Wanted) (out []ct.Problem) {
	var rules []lint.Rule
	for _, r := range lint.HostRules(w.Policy) {
		if reachability[r.Code] {
			rules = append(rules, r)
		}
	}
	h, _, err := host.Read(ctx, host.Ask{Rules: rules, Table: w.Ruleset.Table})
	if err != nil || len(rules) == 0 {
		return nil
	}
	open, _ := lint.Split(lint.CheckHost(w.Policy, h), w.Sources, lint.Ran{Host: true})
	for _, d := range open {
		if reachability[d.Code] {
			out = append(out, ct.Problem{Severity: ct.Warning, Object: d.Object, Text: d.Msg})
		}
	}
	return out
}
