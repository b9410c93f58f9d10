package agent

import (
	"context"
	"sync"
	"time"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// leaves has flows leave uplinks that went down, beside the loop: listing many flows takes longer than the
// next verdict may wait.
type leaves struct {
	tell func(map[string]gateway.Left, time.Duration, error)

	mu      sync.Mutex // over what follows
	waiting []string
	policy  *policy.Policy // with the states of its uplinks
	going   bool
	done    sync.WaitGroup
}

// add enters an uplink that went down.
func (l *leaves) add(uplink string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, uplink)
}

// begin begins to move and to end the flows of uplinks that were entered, by a policy with its state, unless
// that goes on already.
func (l *leaves) begin(p *policy.Policy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.policy = p; l.going || len(l.waiting) == 0 {
		return
	}
	l.going = true
	l.done.Go(l.run)
}

// run goes on until no uplink waits.
func (l *leaves) run() {
	for {
		l.mu.Lock()
		names, p := l.waiting, l.policy
		l.waiting = nil
		if l.going = len(names) > 0; !l.going {
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		start := time.Now()
		left, err := gateway.Leave(context.Background(), p, names)
		l.tell(left, time.Since(start), err)
	}
}

func (a *Agent) tellLeft(all map[string]gateway.Left, took time.Duration, err error) {
	for name, left := range all {
		if left == (gateway.Left{}) {
			continue
		}
		a.learn(func(s *Snapshot) { s.FlowsEnded[EndedUplink] += uint64(left.Ended) })
		a.log.Info("uplink_left", "uplink", name, "flows_ended", left.Ended, "flows_moved", left.Moved, "flows_stay", left.Stay, "took", took.Round(time.Millisecond))
	}
	if err != nil {
		a.log.Error("uplink_not_left", "error", err)
	}
}
