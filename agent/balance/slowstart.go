package balance

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// A server that comes back takes this many steps to its full share, or fewer so that none is
// shorter than shortestStep: each step is a change of the table.
const (
	mostSteps    = 10
	shortestStep = 500 * time.Millisecond
)

// slowStart gives servers that came back a part of their weight, in steps. All weights are
// multiplied for it, as far as the table has slots. With sh and dh nothing starts slowly: each
// step would send most clients to another server.
func (d *decision) slowStart() {
	if d.service.SlowStart <= 0 || d.service.Scheduler == policy.SourceHash || d.service.Scheduler == policy.DestinationHash {
		return
	}
	for _, v4 := range []bool{true, false} {
		group := d.group(v4)
		var starting bool
		parts := make([]int, len(group)) // of steps
		steps := d.steps()
		for n, i := range group {
			parts[n] = d.part(i, steps)
			starting = starting || parts[n] < steps
		}
		if starting {
			d.grow(group, parts, steps)
		}
	}
}

// group returns the servers of a family that take connections. Each family has its own slots.
func (d *decision) group(v4 bool) (out []int) {
	for i, w := range d.Weights {
		if w > 0 && is4(d.service.Servers[i].Key) == v4 {
			out = append(out, i)
		}
	}
	return out
}

func is4(a netip.AddrPort) bool { return a.Addr().Is4() }

// steps returns in how many steps a weight grows.
func (d *decision) steps() int {
	return int(max(2, min(mostSteps, d.service.SlowStart/shortestStep)))
}

// part returns which part of its weight a server gets now: 1 to steps, of steps. A server that
// came back later than now, by a clock that was set back, is not kept waiting.
func (d *decision) part(i, steps int) int {
	since, all := d.service.Servers[i].UpSince, d.service.SlowStart
	e := d.now.Sub(since)
	if since.IsZero() || e < 0 || e >= all || d.Panic {
		return steps
	}
	// The first step gives one part, and the last ends with the whole time.
	part := 1 + int(int64(e)*int64(steps-1)/int64(all))
	next := since.Add(all)
	if part < steps-1 {
		next = since.Add((all*time.Duration(part) + time.Duration(steps-2)) / time.Duration(steps-1))
	}
	d.at(next)
	return part
}

// grow enters the weights of servers of which some get only a part.
func (d *decision) grow(group, parts []int, steps int) {
	base := make([]int, len(group))
	divisor, sum := 0, 0
	for n, i := range group {
		base[n] = d.Weights[i]
		divisor = gcd(divisor, base[n])
	}
	for n := range base {
		base[n] /= divisor
		sum += base[n]
	}
	factor := max(1, min(steps, policy.MaxSlots/sum))
	for n, i := range group {
		d.Weights[i] = max(1, base[n]*factor*parts[n]/steps)
	}
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
