package agent

import (
	"context"
	"sync"
	"time"

	"github.com/snatctl/snatctl/gateway"
)

// ends ends flows of real servers that went down, beside the loop: listing many flows takes longer
// than the next verdict may wait.
type ends struct {
	tell func([]gateway.Down, []int, time.Duration, error)

	mu      sync.Mutex // over what follows
	waiting []gateway.Down
	force   *gateway.Force // the table that was known last
	going   bool
	done    sync.WaitGroup
}

// add enters a real server that went down.
func (e *ends) add(d gateway.Down) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.waiting = append(e.waiting, d)
}

// of says which table is in force.
func (e *ends) of(f *gateway.Force) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.force = f
}

// begin begins to end what was entered, unless that goes on already.
func (e *ends) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.going || len(e.waiting) == 0 || e.force == nil {
		return
	}
	e.going = true
	e.done.Go(e.run)
}

// run goes on until nothing is left to end.
func (e *ends) run() {
	for {
		e.mu.Lock()
		downs, force := e.waiting, e.force
		e.waiting = nil
		if e.going = len(downs) > 0; !e.going {
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		start := time.Now()
		ended, err := force.EndFlows(context.Background(), downs)
		e.tell(downs, ended, time.Since(start), err)
	}
}

func (a *Agent) tellEnded(downs []gateway.Down, ended []int, took time.Duration, err error) {
	for i, d := range downs {
		if ended[i] > 0 {
			a.learn(func(s *Snapshot) { s.FlowsEnded[EndedDown] += uint64(ended[i]) })
			a.log.Info("flows_ended", "service", d.Service, "server", serverText(d.Server), "flows", ended[i], "took", took.Round(time.Millisecond))
		}
	}
	if err != nil {
		a.log.Error("flows_not_ended", "error", err)
	}
}
