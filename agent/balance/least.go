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

// Of a service's slots each server has about so many, so that a share can be small and exact.
const slotsEach = 64

// A share changes at most by this factor at a step: what was measured is noisy and late, and a
// new server would get everything.
const leastFactor = 4

// Load is what lc and wlc remember of a server.
type Load struct {
	Weight int     `json:"weight"`          // the share it has, in slots
	Flows  int     `json:"flows"`           // at the last step
	Opened uint64  `json:"opened"`          // at the last step
	In     float64 `json:"in,omitempty"`    // new flows a second, averaged
	Out    float64 `json:"out,omitempty"`   // flows that ended a second, averaged
	Mean   float64 `json:"mean,omitempty"`  // live flows, averaged
	Steps  int     `json:"steps,omitempty"` // that In and Out were measured at, up to 2
}

// least tells whether a scheduler looks at live flows.
func least(s policy.Scheduler) bool {
	return s == policy.LeastConn || s == policy.WeightedLeastConn
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
	g.total, g.known = slots(len(g.group)), true
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

// slots returns how many slots a group has: a prime, so that the number of slots in the table stays
// the same whatever the shares are, and only data of it changes.
func slots(servers int) int {
	if servers < 2 {
		return servers
	}
	for _, p := range []int{127, 191, 257, 317, 383, 449, 509} {
		if p >= slotsEach*servers-1 {
			return p
		}
	}
	return max(1021, servers)
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
		if l.Steps == 0 {
			l.In, l.Out, l.Mean = in, out, mean
		} else {
			l.In, l.Out, l.Mean = keep*l.In+(1-keep)*in, keep*l.Out+(1-keep)*out, keep*l.Mean+(1-keep)*mean
		}
		l.Steps = min(l.Steps+1, 2)
		l.Flows, l.Opened = s.Flows, s.Opened
	}
}

// enter sets the shares: the old ones where they do, else those that lead to what is wanted.
func (g *leastGroup) enter(due bool) {
	if len(g.group) == 0 {
		return
	}
	shares, in := g.shares(), g.in()
	if due && g.known && in >= fewest && len(g.group) > 1 && !g.good(shares, in) {
		shares = g.bounded(g.aim(in), shares)
	} else if g.known && g.sum() == g.total {
		return
	}
	for n, w := range deal(shares, g.total) {
		g.loads[n].Weight = w
	}
}

// in returns how many flows begin in a second.
func (g *leastGroup) in() (in float64) {
	for _, l := range g.loads {
		in += l.In
	}
	return in
}

func (g *leastGroup) sum() (n int) {
	for _, l := range g.loads {
		n += l.Weight
	}
	return n
}

// shares returns the shares at hand. A new server gets what it should have, and no more than
// the others on average: it has no flows, and that alone must not draw all of them to it.
func (g *leastGroup) shares() []float64 {
	out := make([]float64, len(g.loads))
	has, free := 0.0, 1.0
	for n, l := range g.loads {
		if l.Weight <= 0 {
			out[n] = g.want[n]
			free -= out[n]
		}
		has += float64(l.Weight)
	}
	for n, l := range g.loads {
		if l.Weight > 0 {
			out[n] = free * float64(l.Weight) / has
		}
	}
	return out
}

// aim returns the shares of new connections that make the flows what is wanted when leastAhead has
// passed. A server that has too many already gets none of them.
func (g *leastGroup) aim(in float64) []float64 {
	out := make([]float64, len(g.loads))
	// A server that would get less than none is taken out, and the others share what comes,
	// until there is no such server.
	for range g.loads {
		// With c flows for each unit of weight, server n must get (c*want-stay)/each a second, and
		// all together in.
		flows, want := in, 0.0
		for n, l := range g.loads {
			if out[n] >= 0 {
				stay, each := l.ahead()
				flows, want = flows+stay/each, want+g.want[n]/each
			}
		}
		again := false
		for n, l := range g.loads {
			if out[n] >= 0 {
				stay, each := l.ahead()
				out[n] = (flows/want*g.want[n] - stay) / each
				again = again || out[n] < 0
			}
		}
		if !again {
			break
		}
		for n := range out {
			out[n] = min(out[n], 0)
		}
	}
	for n := range out {
		out[n] = max(0, out[n]) / in
	}
	return out
}

// ahead tells how many of the flows at hand will be there when leastAhead has passed, and how many
// more for each that begins in a second: flows end at a rate that is in proportion to their number.
func (l *Load) ahead() (stay, each float64) {
	ahead := leastAhead.Seconds()
	if l.Mean <= 0 || l.Out <= 0 {
		return float64(l.Flows), ahead
	}
	rate := l.Out / l.Mean // of one flow, by Little's law
	left := math.Exp(-rate * ahead)
	return float64(l.Flows) * left, (1 - left) / rate
}

// good tells whether the shares may stay: flows are as wanted now, but for noise, and will be.
func (g *leastGroup) good(shares []float64, in float64) bool {
	all := 0.0
	for _, l := range g.loads {
		all += float64(l.Flows)
	}
	for n, l := range g.loads {
		want := all * g.want[n]
		noise := max(tolerance*want, math.Sqrt(want), 1)
		stay, each := l.ahead()
		then := stay + in*shares[n]*each
		if math.Abs(float64(l.Flows)-want) > noise || math.Abs(then-want) > 2*noise {
			return false
		}
	}
	return true
}

const (
	tolerance = 0.05
	fewest    = 0.3 // new flows a second; with fewer nothing is known
)

// bounded keeps new shares near to the old ones.
func (g *leastGroup) bounded(aim, was []float64) []float64 {
	one := 1 / float64(g.total)
	sum := 0.0
	for n := range aim {
		aim[n] = min(max(aim[n], was[n]/leastFactor, one), max(was[n]*leastFactor, 2*one))
		sum += aim[n]
	}
	for n := range aim {
		aim[n] /= sum
	}
	return aim
}

// deal makes slots of shares, at least one each, by largest remainder.
func deal(shares []float64, total int) []int {
	out := make([]int, len(shares))
	left := total
	for n, s := range shares {
		out[n] = max(1, int(s*float64(total)))
		left -= out[n]
	}
	for left != 0 {
		best, at := math.Inf(-1), 0
		sign := 1
		if left < 0 {
			sign = -1
		}
		for n, s := range shares {
			if lack := float64(sign) * (s*float64(total) - float64(out[n])); lack > best && out[n]+sign > 0 {
				best, at = lack, n
			}
		}
		out[at] += sign
		left -= sign
	}
	return out
}
