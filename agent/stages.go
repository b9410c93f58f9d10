package agent

import (
	"time"

	"github.com/snatctl/snatctl/gateway"
)

// stages are how long the stages of an apply took. A nil one takes nothing.
type stages map[string]time.Duration

// stageNames are what the stages of the engine are called, as in `snatctl apply --timings`.
var stageNames = map[gateway.Stage]string{
	gateway.Reading: "read", gateway.Comparing: "diff", gateway.Telling: "tell", gateway.Committing: "commit",
	gateway.Recording: "record", gateway.Cleaning: "cleanup", gateway.Foreseeing: "cleanup",
}

func (s stages) add(stage string, took time.Duration) { s[stage] += took }

// since adds what has passed since a stage began.
func (s stages) since(stage string, start time.Time) { s.add(stage, time.Since(start)) }

func (s stages) seconds() map[string]float64 {
	out := make(map[string]float64, len(s))
	for name, took := range s {
		out[name] = took.Seconds()
	}
	return out
}

// measure has what the engine tells of its stages added to some; nil: to none.
func (a *Agent) measure(s stages) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stages = s
}

// Why flows are ended.
const (
	EndedServer  = "real_server_removed" // the service does not list it any more
	EndedService = "service_changed"     // or is gone
	EndedZone    = "zone_changed"        // or is gone
	EndedDown    = "real_server_down"    // its check says so, and on_down ends its flows
	EndedUplink  = "uplink_down"         // their laddr leads nowhere else
)

// ended counts flows that contradicted a policy and were ended.
func (s *Snapshot) ended(flows gateway.StaleFlows) {
	for i := range flows {
		o := &flows[i]
		why := EndedZone
		switch {
		case o.Server.IsValid():
			why = EndedServer
		case o.Kind == "service":
			why = EndedService
		}
		if n := o.Flows(true); n > 0 {
			s.FlowsEnded[why] += uint64(n)
		}
	}
}
