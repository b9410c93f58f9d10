// Package agent keeps a table as a policy says. One loop owns the gateway: it reads the policy
// whenever its source changes, applies it, and repairs what others change in the table. What
// it knows, it shows as a Snapshot; what others want of it, it takes as requests.
//
// The loop looks at what is, never at what happened: an event that is lost costs time, and nothing
// else. Ending it, in any way, leaves the table as it is.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route/routelink"
)

// Options say what an agent keeps, and how. The zero value of an optional one is what is said there.
type Options struct {
	Source    Source
	Node      string                   // which of the policy's nodes this is; empty: the host knows
	StateDir  string                   // where the history is kept, and what the agent remembers
	Socket    string                   // where it takes requests: told to those who find the table held
	AllowExec bool                     // checks may run programs
	NoRepair  bool                     // what others change in the table is reported, and stays
	Log       *slog.Logger             // of events by name: policy_applied, drift_found …
	Notify    func(string)             // hears what a service manager wants to know (sd_notify(3)); nil: nobody does
	Watchdog  time.Duration            // how often at least the service manager wants to hear that the loop runs; 0: it does not
	Observe   func(health.Observation) // hears of each check that has ended, one at a time; it must be quick. nil: nobody does
	User      string                   // who the history says applied what the agent applies by itself
}

// Source is where the policy comes from.
type Source interface {
	Paths() []string // what tells one source from another
	Load() (*policy.Policy, []policy.Source, policy.Diagnostics)
	Watch(ctx context.Context, changed func()) error
	Modified() time.Time // when it was changed last, as far as it tells; zero: it does not
}

// Agent is one that holds a table. What is not said to be safe for concurrent use belongs to the
// goroutine that runs Run.
type Agent struct {
	o     Options
	log   *slog.Logger
	g     *gateway.Gateway
	table string

	requests chan func(context.Context)
	changed  chan struct{} // the source has changed; holds one
	reloads  chan struct{} // somebody wants the source to be read; holds one
	yield    chan struct{} // somebody else wants the table; holds one
	ended    chan struct{} // closed once Run has returned
	verdicts chan []health.Verdict
	probes   chan []health.Verdict // of uplinks
	linked   chan struct{}         // links have changed; holds one
	counts   chan counted
	census   chan struct{} // services want their flows counted; holds one

	force  *gateway.Wanted // the policy in force
	trial  *trial          // nil: nothing awaits confirmation
	later  bool            // the source changed while something was on trial
	barred string          // hash of a policy that was not confirmed: only who asks for it gets it
	retry  retry
	drift  drift

	tends     *services // of the policy in force
	stands    table
	overrides map[health.ID]balance.Override
	known     map[health.ID]known
	memories  map[string]balance.Memory // by service, of the agent before
	ups       map[string]up             // by uplink
	reroutes  map[string]balance.Override
	unsaved   bool // the next agent has to know something new
	saved     time.Time
	looked    time.Time // when the loop last looked whether there is anything to save
	keeper    keeper

	checks     *health.Scheduler
	paths      *health.Scheduler // checks uplinks
	links      routelink.Links
	ends       batches[gateway.Down, gateway.Force]
	leaves     batches[string, policy.Policy]
	inForce    inForce
	wantsCount atomic.Bool // services want their flows counted

	mu       sync.Mutex // over what follows
	know     Snapshot
	shown    []*Service          // of the policy in force, in its order; replaced, never changed
	state    policy.State        // of them; likewise
	told     time.Time           // when the service manager last heard of the loop
	quiet    bool                // what is only looked at was warned of when it was applied
	listener func(gateway.Event) // who asked for what goes on now
	stages   stages              // of the apply that goes on; nil: none does
}

// ErrTakenOver says that somebody else took the table over.
var ErrTakenOver = errors.New("another process has taken the table over")

// Start takes hold of a policy's table and puts the policy in force. If the policy is invalid or
// refused, the last good one of the history is, and the agent waits for a better one; without a
// last good one it fails, and nothing is changed.
func Start(ctx context.Context, o Options) (*Agent, error) {
	a := &Agent{o: o, log: o.Log, requests: make(chan func(context.Context)), changed: make(chan struct{}, 1), reloads: make(chan struct{}, 1), yield: make(chan struct{}, 1), ended: make(chan struct{}),
		verdicts: make(chan []health.Verdict), probes: make(chan []health.Verdict), linked: make(chan struct{}, 1), counts: make(chan counted), census: make(chan struct{}, 1),
		checks: health.New(health.Options{AllowExec: o.AllowExec, Observe: o.Observe}), paths: health.New(health.Options{})}
	if a.o.Notify == nil {
		a.o.Notify = func(string) {}
	}
	first := a.read()
	if first.policy != nil {
		a.table = first.policy.Gateway.Table
	} else {
		a.table = knownTable(o.StateDir, o.Source.Paths())
	}
	a.ends.do, a.leaves.do = a.endFlows, a.leaveUplinks
	a.keeper.path = memoryFile(o.StateDir, a.table)
	if a.table == "" {
		a.tellRefused(first)
		return nil, fmt.Errorf("the policy is invalid, and the history in %s knows no other of these files: %w; nothing was changed", o.StateDir, first.err)
	}
	var err error
	if a.g, err = gateway.Hold(gateway.Options{Table: a.table, StateDir: o.StateDir, Tell: a.hear}); err != nil {
		return nil, err
	}
	if err := a.links.Look(); err != nil {
		a.log.Warn("links_unwatched", "error", err)
	}
	if err := a.begin(ctx, first); err != nil {
		a.g.Close()
		return nil, err
	}
	return a, nil
}

// Table is the name of the table that the agent holds.
func (a *Agent) Table() string { return a.table }

// How often the loop looks by itself.
const pulse = 250 * time.Millisecond

// Run keeps the table until ctx is done, which is no error, or until somebody else takes the table
// over. It lets go of the table when it returns.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { a.watchSource(ctx) })
	beside.Go(func() { a.age(ctx) })
	beside.Go(func() { a.watchRoom(ctx) })
	beside.Go(func() { a.check(ctx, a.checks, a.verdicts) })
	beside.Go(func() { a.check(ctx, a.paths, a.probes) })
	beside.Go(func() { a.watchLinks(ctx) })
	beside.Go(func() { a.count(ctx) })
	defer func() {
		a.o.Notify(stopping)
		cancel()
		a.endTrial()
		beside.Wait()
		a.ends.done.Wait()
		a.leaves.done.Wait()
		if err := a.keeper.write(a.memory()); err != nil {
			a.log.Error("state_unwritten", "error", err)
		}
		close(a.ended)
		a.g.Close()
	}()
	a.o.Notify(ready)
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.log.Info("agent_stopped", "table", a.table)
			return nil
		case <-a.yield:
			a.log.Warn("agent_yielded", "table", a.table, "why", ErrTakenOver.Error())
			return ErrTakenOver
		case <-a.changed:
			a.update(ctx)
		case <-a.reloads:
			a.barred = ""
			a.update(ctx)
		case batch := <-a.verdicts:
			a.judge(ctx, batch)
		case batch := <-a.probes:
			a.judgeUplinks(ctx, batch)
		case <-a.linked:
			a.lookAtLinks(ctx)
		case flows := <-a.counts:
			a.weigh(ctx, flows)
		case request := <-a.requests:
			request(ctx)
		case <-a.trial.done():
			a.judged(ctx)
		case <-tick.C:
			a.look(ctx)
		}
		a.alive()
	}
}

// watchSource watches the source, again and again should that fail.
func (a *Agent) watchSource(ctx context.Context) {
	for ctx.Err() == nil {
		err := a.o.Source.Watch(ctx, func() { signal(a.changed) })
		if err == nil {
			return
		}
		a.log.Error("source_unwatched", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
			signal(a.changed)
		}
	}
}

// ageEvery is how often it is looked up when the source was changed last. It is no part of the loop, since
// a file system may hang.
const ageEvery = 2 * time.Second

// age learns when the source was changed last.
func (a *Agent) age(ctx context.Context) {
	tick := time.NewTicker(ageEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		at := a.o.Source.Modified()
		a.learn(func(s *Snapshot) { s.Policy.FilesModified = at })
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// check checks real servers, or uplinks, and hands verdicts to the loop.
func (a *Agent) check(ctx context.Context, checks *health.Scheduler, verdicts chan<- []health.Verdict) {
	err := checks.Run(ctx, func(batch []health.Verdict) {
		select {
		case verdicts <- slices.Clone(batch):
		case <-ctx.Done():
		}
	})
	if err != nil && ctx.Err() == nil {
		a.log.Error("checks_ended", "error", err)
	}
}

// Reload makes the loop read the policy again, and apply it even if it was not confirmed before. It
// is safe for concurrent use.
func (a *Agent) Reload() { signal(a.reloads) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will look anyway
	}
}

// ErrEnded says that the agent has ended.
var ErrEnded = errors.New("the agent has ended")

// do has the loop run something, and waits for it to be done. Who gives up waiting stops nothing.
func (a *Agent) do(ctx context.Context, f func(context.Context)) error {
	done := make(chan struct{})
	select {
	case a.requests <- func(loop context.Context) { defer close(done); f(loop) }:
	case <-a.ended:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
