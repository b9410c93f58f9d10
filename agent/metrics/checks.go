package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/health"
)

// bounds are the buckets of check durations. Few, since every service has them.
var bounds = [...]time.Duration{time.Millisecond, 5 * time.Millisecond, 25 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// checks counts how long checks took, by service. Its zero value has counted nothing. A histogram of
// the library for each service would take some kilobytes, and keep those of services that are gone.
type checks struct{ of sync.Map } // service to *durations

// durations are those of one service. Only one check is observed at a time.
type durations struct {
	count  [len(bounds) + 1]atomic.Uint64 // the last: longer ones
	micros atomic.Uint64                  // the sum
}

func (c *checks) observe(o health.Observation) {
	d, ok := c.of.Load(o.ID.Service)
	if !ok {
		d, _ = c.of.LoadOrStore(o.ID.Service, new(durations))
	}
	d.(*durations).add(o.Took)
}

func (d *durations) add(took time.Duration) {
	n := 0
	for n < len(bounds) && took > bounds[n] {
		n++
	}
	d.count[n].Add(1)
	d.micros.Add(uint64(max(0, took.Microseconds())))
}

// each yields the durations of services that stand, and forgets others.
func (c *checks) each(stands []agent.Service, yield func(service string, d *durations)) {
	names := make(map[string]bool, len(stands))
	for i := range stands {
		names[stands[i].Name] = true
	}
	c.of.Range(func(service, d any) bool {
		if name := service.(string); names[name] {
			yield(name, d.(*durations))
		} else {
			c.of.Delete(service)
		}
		return true
	})
}
