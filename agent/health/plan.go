package health

import (
	"container/heap"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// check is a target in the plan.
type check struct {
	target Target
	record record
	random *rand.PCG

	at    time.Duration // when it happens next: while idle the start, while busy the end of patience
	due   time.Duration // when the check that runs, or ran last, was to start
	began time.Duration // when it did
	index int           // in the heap; -1: not in it
	fd    int           // while calling: of the socket
	phase phase
	gone  bool // no longer a target: its result is of no interest
	stale bool // the target has changed since the check began: its result is of no interest
}

// phase is what a check is doing.
type phase uint8

const (
	idle    phase = iota // in the heap, until it is due
	waiting              // due, waits for a worker
	working              // a worker has it, and ends it in time by itself
	calling              // the caller has it: in the heap until its patience ends
)

// plan is when checks happen. It is a heap by time: an idle check has its next start in it, and
// one that calls the end of its patience, so a check never overlaps itself. Time is what has
// passed since the scheduler began, on the monotonic clock.
type plan []*check

// jitter is how far a start may be from where strict intervals would put it: a share of the
// interval. Checks that began together drift apart, and long-term the interval holds.
const jitter = 0.05

// first gives a new check its first time: anywhere within an interval, so that many new checks
// are spread over it. The same target gets the same place.
func (p *plan) first(c *check, now time.Duration) {
	h := fnv.New64a()
	h.Write([]byte(c.target.ID.Service))
	text, _ := c.target.ID.Server.MarshalBinary()
	h.Write(text)
	c.random = rand.NewPCG(h.Sum64(), uint64(len(text)))
	c.index = -1
	p.wait(c, now+c.share(1))
}

// share returns a random share of an interval, from 0 to most times the interval.
func (c *check) share(most float64) time.Duration {
	return time.Duration(float64(c.target.Check.interval()) * most * float64(c.random.Uint64()>>11) / (1 << 53))
}

// next gives a check that has ended its next start: an interval after the last one was due,
// or now, if the check took longer.
func (p *plan) next(c *check, now time.Duration) {
	interval := c.target.Check.interval()
	at := c.due + interval + c.share(2*jitter) - time.Duration(jitter*float64(interval))
	if at < now {
		at = now
	}
	p.wait(c, at)
}

// wait puts an idle check into the heap.
func (p *plan) wait(c *check, at time.Duration) {
	c.phase = idle
	p.put(c, at)
}

func (p *plan) put(c *check, at time.Duration) {
	c.at = at
	if c.index >= 0 {
		heap.Fix(p, c.index)
		return
	}
	heap.Push(p, c)
}

// take removes a check from the heap.
func (p *plan) take(c *check) {
	if c.index >= 0 {
		heap.Remove(p, c.index)
	}
}

// ripe returns the first check whose time has come, still in the heap, or nil.
func (p plan) ripe(now time.Duration) *check {
	if len(p) == 0 || p[0].at > now {
		return nil
	}
	return p[0]
}

func (p plan) Len() int           { return len(p) }
func (p plan) Less(i, j int) bool { return p[i].at < p[j].at }
func (p plan) Swap(i, j int) {
	p[i], p[j] = p[j], p[i]
	p[i].index, p[j].index = i, j
}

// Push is heap.Interface's.
func (p *plan) Push(x any) {
	c := x.(*check)
	c.index = len(*p)
	*p = append(*p, c)
}

// Pop is heap.Interface's.
func (p *plan) Pop() any {
	old := *p
	c := old[len(old)-1]
	old[len(old)-1] = nil
	*p = old[:len(old)-1]
	c.index = -1
	return c
}
