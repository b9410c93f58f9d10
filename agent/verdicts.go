package agent

import (
	"context"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/gateway"
)

// judge takes verdicts of checks: real servers that went down get no new connections when it
// returns.
func (a *Agent) judge(ctx context.Context, batch []health.Verdict) {
	now := time.Now()
	var touched []*tended
	for _, v := range batch {
		t := a.tends.named[v.ID.Service]
		if t == nil || t.server(v.ID) == nil {
			continue // of a policy that is no longer in force
		}
		a.learnOf(t, v)
		touched = appendOnce(touched, t)
	}
	a.rebalance(ctx, touched, now)
	done := time.Now()
	for _, v := range batch {
		a.tellVerdict(v, done)
	}
	a.unsaved = true
}

func appendOnce(all []*tended, t *tended) []*tended {
	if len(all) > 0 && all[len(all)-1] == t { // verdicts come by service
		return all
	}
	for _, o := range all {
		if o == t {
			return all
		}
	}
	return append(all, t)
}

// learnOf enters a verdict. The clock of the agent tells when, as slow start counts from then.
func (a *Agent) learnOf(t *tended, v health.Verdict) {
	in := t.server(v.ID)
	switch v.State {
	case health.Down:
		in.Health, in.UpSince = balance.Down, time.Time{}
		a.known[v.ID] = known{Down: true, Since: v.Since, Reason: v.Reason}
	case health.Up:
		in.Health = balance.Up
		if v.Was == health.Down {
			in.UpSince = v.Since
			a.known[v.ID] = known{Since: v.Since, UpSince: v.Since}
		}
	}
}

func (a *Agent) tellVerdict(v health.Verdict, done time.Time) {
	args := []any{"service", v.ID.Service, "server", serverText(v.ID.Server)}
	if v.Was != health.Unknown {
		args = append(args, "was", v.Was.String(), "was_for", v.WasFor.Round(time.Millisecond))
	}
	switch {
	case v.State == health.Down:
		a.log.Warn("server_down", append(args, "reason", v.Reason, "out_after", done.Sub(v.Since).Round(time.Microsecond))...)
	case v.Was == health.Down:
		a.log.Info("server_up", args...)
	} // one that is up from the start is no news
}

// serverText names a real server as operators write it: without a port where it has none of its own.
func serverText(s netip.AddrPort) string {
	if s.Port() == 0 {
		return s.Addr().String()
	}
	return s.String()
}

// rebalance decides anew about services, and brings the table to what that changes.
func (a *Agent) rebalance(ctx context.Context, touched []*tended, now time.Time) {
	var changes []gateway.ServiceChange
	gone, turned := false, false
	for _, t := range touched {
		was := t.result
		if a.tends.decide(t, now) {
			changes = append(changes, gateway.ServiceChange{Service: t.service.Name, State: t.state})
		}
		a.tellResult(t, was)
		turned = turned || turnsAway(&was) != turnsAway(&t.result)
		for i, down := range t.result.Down {
			if down && (i >= len(was.Down) || !was.Down[i]) {
				gone = true
				a.ends.add(gateway.Down{Service: t.service.Name, Server: t.input.Servers[i].Key})
			}
		}
	}
	if len(changes) > 0 {
		a.change(ctx, changes, gone)
	}
	if turned {
		a.announce()
	}
	a.publish(touched)
	a.ends.begin()
}

// tellResults logs what a policy, now in force, means for its services. Before it all were well that are new.
func (a *Agent) tellResults(before *services) {
	for _, t := range a.tends.all {
		was := balance.Result{Met: true}
		if before != nil {
			if had := before.named[t.service.Name]; had != nil {
				was = had.result
			}
		}
		if len(t.input.Servers) > 0 { // one without real servers is no news
			a.tellResult(t, was)
		}
	}
}

// tellResult logs what a decision changes for a whole service.
func (a *Agent) tellResult(t *tended, was balance.Result) {
	is, args := t.result, []any{"service", t.service.Name, "up", t.result.Up, "need", t.result.Need}
	switch {
	case was.Met && !is.Met:
		a.log.Error("quorum_lost", args...)
	case !was.Met && is.Met:
		a.log.Info("quorum_met", args...)
	}
	if was.Sorry != is.Sorry {
		a.log.Warn("sorry_servers", append(args, "on", is.Sorry)...)
	}
	if was.Closed != is.Closed {
		a.log.Warn("service_closed", append(args, "on", is.Closed)...)
	}
	if was.Panic != is.Panic {
		a.log.Warn("panic", append(args, "on", is.Panic)...)
	}
}
