package agent

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/gateway"
)

// followEvery is how often the addresses of interfaces are looked up that a policy has for VIPs.
const followEvery = time.Second

// followRefused is how long it is waited where they contradict the policy: looking takes as long as
// reading the policy then.
const followRefused = 30 * time.Second

// follow puts the policy in force once more if interfaces whose addresses are VIPs have others now. The
// files are not read for that: they may hold a policy that is refused.
func (a *Agent) follow(ctx context.Context, now time.Time) {
	if a.trial != nil || now.Before(a.drift.follow) {
		return
	}
	a.drift.follow = now.Add(followEvery)
	w, ds, err := a.force.Follow()
	switch {
	case err != nil:
		a.unread(err)
	case w == nil && ds.Err() == nil: // nothing has changed
		a.drift.refused = ""
	case w == nil:
		a.drift.follow = now.Add(followRefused)
		if why := ds.Error(); why != a.drift.refused { // once for each address
			a.drift.refused = why
			a.log.Error("addresses_refused", "error", ds.Err())
			a.tellFindings(ds)
		}
	default:
		for _, m := range a.force.Policy.Moved(w.Facts) {
			a.log.Info("addresses_changed", "service", m.Service, "interface", m.Interface, "were", m.Was, "are", m.Is)
		}
		known, l := a.Snapshot().Policy, loaded{policy: w.Policy.Written(), wanted: w, diagnostics: ds}
		if l.tends = a.tend(l.policy, now); a.stands.dirty { // services are in other states than w was made for
			if l.wanted, _ = gateway.CompileFor(w.Facts, l.tends.in(l.policy), w.Sources); l.wanted == nil {
				return // it was compiled just now
			}
		}
		if _, err := a.put(ctx, l, Request{Command: "agent", User: a.o.User}); err != nil && !incomplete(err) {
			a.log.Error("addresses_not_applied", "error", err) // tried again at the next look
			return
		}
		if known.Error != "" { // of the files, which say the same as before
			a.learn(func(s *Snapshot) {
				s.Policy.Error, s.Policy.ErrorSince, s.Policy.Findings, s.Policy.LastGood = known.Error, known.ErrorSince, known.Findings, known.LastGood
			})
			a.status()
		}
	}
}
