package balance

import (
	"math"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// lc and wlc want the same number of live flows on each server, in relation to its weight. The
// table only knows shares of new connections. So once in leastStep the shares are set to what
// brings the flows together within leastAhead, if arrivals and departures go on as they did.
const (
	leastStep  = time.Second / 4
	leastIdle  = time.Second // the same, while nobody calls
	leastAhead = time.Second
	leastMean  = 2 * time.Second // over which rates are averaged
)

// Load is what lc and wlc remember of a server.
type Load struct {
	Weight int     `json:"weight"`          // the share it has, in slots
	Flows  int     `json:"flows"`           // at the last step
	Opened uint64  `json:"opened"`          // at the last step
	In     float64 `json:"in,omitempty"`    // new flows a second, averaged
	Out    float64 `json:"out,omitempty"`   // flows that ended a second, averaged
	Mean   float64 `json:"mean,omitempty"`  // live flows, averaged
	Known  bool    `json:"known,omitempty"` // whether In, Out and Mean were measured
}

// least enters weights by live flows. Each family has its own slots, and so its own shares.
func (d *decision) least(was Memory) (at time.Time, is map[netip.AddrPort]Load) {
	if d.service.Scheduler == policy.LeastConn {
		for i, w := range d.Weights {
			d.Weights[i] = min(w, 1)
		}
	}
	elapsed := d.now.Sub(was.At)
	due := was.At.IsZero() || elapsed >= leastStep*9/10 || elapsed < 0
	at, is = was.At, make(map[netip.AddrPort]Load, len(d.Weights))
	if due {
		at = d.now
	}
	wait := time.Duration(0)
	for _, v4 := range []bool{true, false} {
		group := d.group(v4)
		g := leastGroup{decision: d, group: group}
		g.recall(was.Least)
		if due && !was.At.IsZero() && elapsed > 0 {
			g.measure(elapsed)
		}
		g.enter(due)
		for n, i := range group {
			is[d.service.Servers[i].Key] = g.loads[n]
			d.Weights[i] = g.loads[n].Weight
		}
		switch {
		case len(group) < 2:
		case g.in() >= fewest:
			wait = leastStep
		case wait == 0:
			wait = leastIdle
		}
	}
	if wait > 0 {
		d.at(at.Add(wait))
	}
	return at, is
}

// leastGroup is the servers of one family.
type leastGroup struct {
	*decision
	group []int
	loads []Load
	want  []float64 // part of all live flows that each should have
	total int       // slots
	known bool      // every server had a share before
}

// recall finds what is remembered, and shares for servers that are new.
func (g *leastGroup) recall(was map[netip.AddrPort]Load) {
	g.loads, g.want = make([]Load, len(g.group)), make([]float64, len(g.group))
	g.total, g.known = slots(len(g.group), g.service.Room), true
	steps, sum := g.steps(), 0.0
	for n, i := range g.group {
		g.want[n] = float64(g.Weights[i])
		if g.service.SlowStart > 0 {
			g.want[n] *= float64(g.part(i, steps)) / float64(steps)
		}
		sum += g.want[n]
	}
	for n, i := range g.group {
		g.want[n] /= sum
		s := &g.service.Servers[i]
		load, ok := was[s.Key]
		if !ok || load.Weight <= 0 {
			g.known = false
			load = Load{Flows: s.Flows, Opened: s.Opened}
		}
		g.loads[n] = load
	}
}

// measure takes the rates at which flows came and went since the last step.
func (g *leastGroup) measure(elapsed time.Duration) {
	seconds := elapsed.Seconds()
	keep := math.Exp(-seconds / leastMean.Seconds())
	for n, i := range g.group {
		s, l := &g.service.Servers[i], &g.loads[n]
		in := 0.0
		if s.Opened >= l.Opened {
			in = float64(s.Opened - l.Opened)
		}
		out := max(0, float64(l.Flows)+in-float64(s.Flows))
		in, out = in/seconds, out/seconds
		mean := float64(l.Flows+s.Flows) / 2
		if !l.Known {
			l.In, l.Out, l.Mean = in, out, mean
		} else {
			l.In, l.Out, l.Mean = keep*l.In+(1-keep)*in, keep*l.Out+(1-keep)*out, keep*l.Mean+(1-keep)*mean
		}
		l.Known = true
		l.Flows, l.Opened = s.Flows, s.Opened
	}
}
