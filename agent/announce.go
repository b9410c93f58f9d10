package agent

import (
	"time"

	"github.com/snatctl/snatctl/agent/balance"
)

// turnsAway tells whether a service sends no new connections to its real servers.
func turnsAway(r *balance.Result) bool { return r.Sorry || r.Closed }

// announces tells whether the policy in force has routers told of VIPs and laddrs.
func (a *Agent) announces() bool { return a.force.Policy.Announce.BIRD != "" }

// announce has routers hear of VIPs whose services lost their quorum, or have it again. What fails is found as drift, and
// tried again as such.
func (a *Agent) announce() {
	if !a.announces() || a.trial.decided() {
		return // judged does it with the states as they are
	}
	began := time.Now()
	changes, err := a.g.Announce(a.tends.in(a.force.Policy))
	if err != nil {
		a.log.Error("routers_not_told", "error", err)
		return
	}
	for i, c := range changes {
		took := time.Since(began).Round(time.Microsecond)
		switch {
		case i == mostDrift:
			a.log.Warn("route_withdrawn", "more", len(changes)-i)
			return
		case c.Gone:
			a.log.Warn("route_withdrawn", "prefix", c.Prefix.String(), "detail", c.Detail, "took", took)
		case c.Added:
			a.log.Info("route_announced", "prefix", c.Prefix.String(), "detail", c.Detail, "took", took)
		}
	}
}
