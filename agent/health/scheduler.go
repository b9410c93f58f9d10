package health

import (
	"context"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Options are what a scheduler needs of the world. The zero value is ready for use.
type Options struct {
	// Dial opens the connections and sockets of checks, networks "tcp" and "udp". nil: the
	// kernel's, with Priority.
	Dial func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	// Priority is given to all packets of checks (SO_PRIORITY). The table knows them by it, and lets
	// them pass by services whose VIP they call. It is left out where CAP_NET_ADMIN is missing.
	// 0: inet.CheckPriority.
	Priority uint32
	// AllowExec permits checks of type exec.
	AllowExec bool
	// Workers is how many checks may wait for an answer at the same time, plain TCP connects
	// not counted; 0: DefaultWorkers. More wait for their turn.
	Workers int
	// Observe is called for each check that has ended, one at a time. It must be quick.
	Observe func(Observation)
}

// DefaultWorkers is how many checks may wait for an answer at the same time.
const DefaultWorkers = 4096

// startsAtOnce is how many checks are started before others have a look at the scheduler.
const startsAtOnce = 64

// Scheduler runs the checks of all targets. Its methods may be called by several goroutines.
type Scheduler struct {
	opt    Options
	probes *probes
	began  time.Time
	wake   chan struct{} // something happened that Run must look at

	mu       sync.Mutex
	checks   map[ID]*check
	plan     plan
	queue    []*check // due, and no worker is free
	workers  int
	group    sync.WaitGroup
	caller   *caller       // plain TCP connects; nil while Run does not run, and with a Dial of its own
	until    time.Duration // the loop sleeps until then, unless it is woken
	verdicts []Verdict
	report   chan struct{} // there are verdicts
}

// New makes a scheduler without targets.
func New(opt Options) *Scheduler {
	opt.Workers = or(opt.Workers, DefaultWorkers)
	if opt.Priority == 0 {
		opt.Priority = inet.CheckPriority
	}
	s := &Scheduler{opt: opt, began: time.Now(), wake: make(chan struct{}, 1), report: make(chan struct{}, 1), checks: map[ID]*check{}}
	s.probes = newProbes(opt)
	return s
}

// now is the time on the scheduler's clock.
func (s *Scheduler) now() time.Duration { return time.Since(s.began) }

// Set replaces the targets. One that was there before keeps its state; if its check or address
// is another now, passes and failures in a row are counted from 0.
func (s *Scheduler) Set(targets []Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stay := make(map[ID]bool, len(targets))
	for _, t := range targets {
		stay[t.ID] = true
		switch c := s.checks[t.ID]; {
		case c == nil:
			c = &check{target: t, record: begin(t.Start)}
			s.checks[t.ID] = c
			s.plan.first(c, s.now())
		case c.gone: // and comes back before its last check has ended
			c.target, c.record, c.gone, c.stale = t, begin(t.Start), false, true
		default:
			s.change(c, t)
		}
	}
	for id, c := range s.checks {
		if !stay[id] {
			s.leave(c)
		}
	}
	signal(s.wake)
}

func begin(start State) record {
	return record{health: Health{State: start}, since: time.Now()}
}

func (s *Scheduler) change(c *check, t Target) {
	was := c.target
	c.target = t
	if was.To == t.To && was.Proto == t.Proto && was.Check.equal(t.Check) {
		return
	}
	c.record.restart()
	if c.phase == idle {
		s.plan.put(c, s.now()+c.share(1))
	} else {
		c.stale = true
	}
}

// Suspect takes all targets of a service, or of an uplink, for down, since something else than their checks
// says so. No verdict tells of that. One is up again after as many passes in a row as any that is down, of
// checks that begin from now on.
func (s *Scheduler) Suspect(service string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.checks {
		if id.Service != service || c.gone {
			continue
		}
		c.record.suspect(time.Now())
		c.stale = c.stale || c.phase != idle
	}
}

func (s *Scheduler) leave(c *check) {
	c.gone = true
	if c.phase == idle {
		s.forget(c)
	}
}

func (s *Scheduler) forget(c *check) {
	s.plan.take(c)
	delete(s.checks, c.target.ID)
}

// Health returns what is known of a target.
func (s *Scheduler) Health(id ID) Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.checks[id]; c != nil && !c.gone {
		return c.record.health
	}
	return Health{}
}

// All returns what is known of all targets at this moment, in no order.
func (s *Scheduler) All() iter.Seq2[ID, Health] {
	type known struct {
		id     ID
		health Health
	}
	s.mu.Lock()
	all := make([]known, 0, len(s.checks))
	for id, c := range s.checks {
		if !c.gone {
			all = append(all, known{id, c.record.health})
		}
	}
	s.mu.Unlock()
	return func(yield func(ID, Health) bool) {
		for _, k := range all {
			if !yield(k.id, k.health) {
				return
			}
		}
	}
}

// Run checks targets until the context ends, whose error it returns, and calls report with all
// verdicts since its last call, in the order in which they fell. Calls of report never overlap,
// and no check waits for them. It may be called once.
func (s *Scheduler) Run(ctx context.Context, report func([]Verdict)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.opt.Dial == nil {
		if err := s.connect(); err != nil {
			return fmt.Errorf("health: cannot wait for connections: %w", err)
		}
	}
	s.group.Go(func() { s.tell(ctx, report) })
	timer := time.NewTimer(0)
	for ctx.Err() == nil {
		timer.Reset(s.turn(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.wake:
		}
	}
	timer.Stop()
	s.disconnect()
	s.group.Wait()
	return ctx.Err()
}

// tell hands verdicts over.
func (s *Scheduler) tell(ctx context.Context, report func([]Verdict)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.report:
		}
		s.mu.Lock()
		batch := s.verdicts
		s.verdicts = nil
		s.mu.Unlock()
		if len(batch) > 0 {
			report(batch)
		}
	}
}

// longest is how long the loop sleeps at most.
const longest = time.Hour

// turn does what is due and returns how long there is nothing to do.
func (s *Scheduler) turn(ctx context.Context) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.harvest()
	for range startsAtOnce {
		now := s.now()
		c := s.plan.ripe(now)
		switch {
		case c == nil:
			return s.sleep(now)
		case c.phase == calling:
			s.done(c, judge(s.caller.giveUp(c), c.target.Check))
		default:
			s.plan.take(c)
			c.due = c.at
			s.start(ctx, c)
		}
	}
	return 0
}

// sleep returns how long it is until something is due.
func (s *Scheduler) sleep(now time.Duration) time.Duration {
	d := longest
	if len(s.plan) > 0 {
		d = min(s.plan[0].at-now, longest)
	}
	s.until = now + d
	return d
}

// start begins a check: a plain connect at once, all others as soon as a worker is free.
func (s *Scheduler) start(ctx context.Context, c *check) {
	switch {
	case s.caller != nil && plainConnect(c.target.Check):
		c.began, c.phase = s.now(), calling
		if err := s.caller.call(c); err != nil {
			s.done(c, judge(err, c.target.Check))
			return
		}
		s.plan.put(c, c.began+c.target.Check.timeout())
	case s.workers < s.opt.Workers:
		s.workers++
		s.employ(ctx, c)
	default:
		c.phase = waiting
		s.queue = append(s.queue, c)
	}
}

// employ gives a check to a worker of its own. When it has ended the worker takes one that waits.
func (s *Scheduler) employ(ctx context.Context, c *check) {
	target := s.assign(c)
	s.group.Go(func() {
		for c != nil {
			res := s.probes.run(ctx, target)
			s.mu.Lock()
			if ctx.Err() == nil {
				s.done(c, res)
			}
			if c = s.waits(); c != nil {
				target = s.assign(c)
			} else {
				s.workers--
			}
			s.mu.Unlock()
		}
	})
}

// assign marks a check as begun by a worker, who gets its target as it is now.
func (s *Scheduler) assign(c *check) Target {
	c.phase, c.began, c.stale = working, s.now(), false
	return c.target
}

// waits returns the check that waits longest for a worker, or nil.
func (s *Scheduler) waits() *check {
	for len(s.queue) > 0 {
		c := s.queue[0]
		s.queue[0] = nil
		s.queue = s.queue[1:]
		if !c.gone {
			return c
		}
		s.forget(c)
	}
	s.queue = nil
	return nil
}

// done counts the result of a check and plans the next one.
func (s *Scheduler) done(c *check, res result) {
	now := s.now()
	res.took = now - c.began
	if c.gone {
		s.forget(c)
		return
	}
	if s.plan.next(c, now); c.at < s.until {
		signal(s.wake)
	}
	if c.stale {
		c.stale = false
		return
	}
	k := c.target.Check
	if s.opt.Observe != nil {
		s.opt.Observe(Observation{c.target.ID, k.Type, res.took, c.began - c.due, res.problem, res.local})
	}
	if v, changed := c.record.add(time.Now(), res, k.rise(), k.fall()); changed {
		v.ID = c.target.ID
		s.verdicts = append(s.verdicts, v)
		signal(s.report)
	}
}

// signal wakes whoever waits for a channel with room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
