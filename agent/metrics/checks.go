package metrics

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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

// collect sends the histograms of services that stand, and forgets others.
func (c *checks) collect(ch chan<- prometheus.Metric, stands map[string]bool) {
	c.of.Range(func(service, d any) bool {
		if name := service.(string); stands[name] {
			ch <- d.(*durations).metric(name)
		} else {
			c.of.Delete(service)
		}
		return true
	})
}

func (d *durations) metric(service string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(bounds))
	var n uint64
	for i := range d.count {
		n += d.count[i].Load()
		if i < len(bounds) {
			buckets[bounds[i].Seconds()] = n
		}
	}
	sum := float64(d.micros.Load()) / 1e6
	return prometheus.MustNewConstHistogram(checkSeconds.desc, n, math.Max(0, sum), buckets, service)
}
