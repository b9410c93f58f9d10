package balance

import (
	"cmp"
	"math"
	"slices"

	"github.com/snatctl/snatctl/policy"
)

// Of a service's slots each server has about so many, so that a share can be small and exact.
const slotsEach = 64

// A share changes at most by this factor at a step: what was measured is noisy and late, and a
// new server would get everything.
const leastFactor = 4

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
	out, stay, each := make([]float64, len(g.loads)), make([]float64, len(g.loads)), make([]float64, len(g.loads))
	for n := range g.loads {
		stay[n], each[n] = g.loads[n].ahead()
	}
	// A server that would get less than none is taken out, and the others share what comes,
	// until there is no such server.
	for range g.loads {
		// With c flows for each unit of weight, server n must get (c*want-stay)/each a second, and
		// all together in.
		flows, want := in, 0.0
		for n := range out {
			if out[n] >= 0 {
				flows, want = flows+stay[n]/each[n], want+g.want[n]/each[n]
			}
		}
		again := false
		for n := range out {
			if out[n] >= 0 {
				out[n] = (flows/want*g.want[n] - stay[n]) / each[n]
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
	out, order := make([]int, len(shares)), make([]int, len(shares))
	left := total
	for n, s := range shares {
		out[n], order[n] = max(1, int(s*float64(total))), n
		left -= out[n]
	}
	lacks := func(n int) float64 { return shares[n]*float64(total) - float64(out[n]) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(lacks(b), lacks(a)) })
	for i := 0; left > 0; i, left = i+1, left-1 {
		out[order[i%len(order)]]++
	}
	for i := len(order) - 1; left < 0; i = (i + len(order) - 1) % len(order) { // small shares got one whole slot
		if out[order[i]] > 1 {
			out[order[i]]--
			left++
		}
	}
	return out
}

// primes are the numbers of slots that services may have.
var primes = []int{7, 13, 31, 61, 127, 191, 257, 317, 383, 449, 509, 1021}

// slots returns how many slots a group has: a prime, so that the number of slots in the table stays
// the same whatever the shares are, and only data of it changes. Room bounds it as long as each
// server has two; 0: it does not.
func slots(servers, room int) (n int) {
	if servers < 2 {
		return servers
	}
	for _, p := range primes {
		if room <= 0 || p <= room || n < 2*servers {
			n = p
		}
		if n >= slotsEach*servers-1 {
			break
		}
	}
	return max(n, servers)
}

// mostElements is how many elements of the table the slots of all services with lc and wlc may be
// together. With fewer slots shares are coarser, but a table of many more takes long to read.
const mostElements = 1 << 15

// Room returns how many slots each service with lc or wlc of a policy may have.
func Room(p *policy.Policy) int {
	fronts := 0
	for i := range p.Services {
		if s := &p.Services[i]; s.Scheduler.ByFlows() {
			fronts += max(1, len(s.VIP)*len(s.Ports)) // one by mark has one
		}
	}
	return mostElements / max(1, fronts)
}
