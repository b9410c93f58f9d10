package agent

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// endFlows ends flows of real servers that went down, by the table that was known last.
func (a *Agent) endFlows(downs []gateway.Down, force *gateway.Force) {
	start := time.Now()
	ended, err := force.EndFlows(context.Background(), downs)
	took := time.Since(start).Round(time.Millisecond)
	for i, d := range downs {
		if ended[i] > 0 {
			a.learn(func(s *Snapshot) { s.FlowsEnded[EndedDown] += uint64(ended[i]) })
			a.log.Info("flows_ended", "service", d.Service, "server", serverText(d.Server), "flows", ended[i], "took", took)
		}
	}
	if err != nil {
		a.log.Error("flows_not_ended", "error", err)
	}
}

// leaveUplinks moves and ends the flows of uplinks that went down, by a policy with the states of its uplinks.
func (a *Agent) leaveUplinks(names []string, p *policy.Policy) {
	start := time.Now()
	all, err := gateway.Leave(context.Background(), p, names)
	took := time.Since(start).Round(time.Millisecond)
	for name, left := range all {
		if left == (gateway.Left{}) {
			continue
		}
		a.learn(func(s *Snapshot) { s.FlowsEnded[EndedUplink] += uint64(left.Ended) })
		a.log.Info("uplink_left", "uplink", name, "flows_ended", left.Ended, "flows_moved", left.Moved, "flows_stay", left.Stay, "took", took)
	}
	if err != nil {
		a.log.Error("uplink_not_left", "error", err)
	}
}
