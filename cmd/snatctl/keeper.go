package main

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/snatctl/snatctl/ct"
)

// Once a poll the watcher asks whether the ruleset has changed, which is one small request;
// every pollsPerLook-th time it looks at the rest: addresses, refused connections, losses.
const (
	poll         = 100 * time.Millisecond
	pollsPerLook = 10
)

// keep keeps the picture of the table true, and tells of what goes wrong, until ctx is done.
func (w *watcher) keep(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-w.resync.wake:
			w.mend(ctx)
		case <-tick.C:
			w.refresh(ctx)
			if n++; n%pollsPerLook == 0 {
				w.look(ctx)
			}
		}
	}
}

func (w *watcher) look(ctx context.Context) {
	w.mend(ctx)
	w.resync.settle(time.Now())
	w.tellLosses()
	w.tellRefused(ctx)
}

// tellLosses says how many lines were lost since it last did.
func (w *watcher) tellLosses() {
	if w.out != nil {
		w.notices.losses("standard output is not read fast enough: lost", "line", w.out)
	}
	if w.log != nil {
		if err := w.log.failure(); err != nil {
			w.notices.say("log", time.Second, fmt.Sprintf("warning: NAT log: %v", err))
		}
		w.notices.losses("NAT log "+w.log.path+": lost", "record", w.log.spool)
	}
}

// refusals is what the watcher knows of connections that the kernel refused.
type refusals struct {
	begun  bool
	counts uint64 // of conntrack, when last asked
	untold uint64
	told   time.Time
}

// refusalPause bounds how often refused connections are told of, since that takes a list of
// all flows.
const refusalPause = 10 * time.Second

// tellRefused warns when conntrack refuses connections, which the kernel does in silence, and
// names the fullest laddrs.
func (w *watcher) tellRefused(ctx context.Context) {
	stats, err := w.live.ct.Stats(ctx)
	if err != nil {
		return // the next second tells
	}
	// What has no free port counts as both (__nf_conntrack_confirm), what has no room as one.
	r, counts := &w.refused, max(stats.InsertFailed, stats.Drop)
	if r.begun && counts > r.counts {
		r.untold += counts - r.counts
	}
	r.begun, r.counts = true, counts
	if r.untold == 0 || time.Since(r.told) < refusalPause {
		return
	}
	text := fmt.Sprintf("warning: %s refused: conntrack found no free port, no room, or two packets in a race", count(int(r.untold), "new connection"))
	problems, err := w.problems(ctx, uint64(stats.Max))
	if err != nil {
		return
	}
	for _, p := range problems {
		text += fmt.Sprintf("\n  %s: %s: %s", p.Severity, p.Object, p.Text)
	}
	w.notices.say("", 0, text)
	r.untold, r.told = 0, time.Now()
}

// problems sums up all flows and returns what is wrong with them.
func (w *watcher) problems(ctx context.Context, most uint64) ([]ct.Problem, error) {
	t := ct.NewTally(w.index.Load())
	for f, err := range w.live.ct.Flows(ctx) {
		if err != nil {
			return nil, err
		}
		t.Add(f)
	}
	r := t.Report()
	r.Conntrack.Max = most
	return r.Problems(), nil
}

// notices are what the watcher says on standard error, each kind at most so often.
type notices struct {
	mu   sync.Mutex
	last map[string]time.Time // by kind
	told map[*spool]uint64    // losses
}

// once is the pause of what is said a single time.
const once = time.Duration(math.MaxInt64)

// say prints a line, unless one of its kind was printed within the pause.
func (n *notices) say(kind string, pause time.Duration, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if pause > 0 && now.Sub(n.last[kind]) < pause {
		return
	}
	n.last[kind] = now
	fmt.Fprintln(stderr, text)
}

// losses says how many lines a spool has lost since it was last told.
func (n *notices) losses(what, noun string, s *spool) {
	lost := s.losses()
	n.mu.Lock()
	before := n.told[s]
	n.told[s] = lost
	n.mu.Unlock()
	if lost > before {
		n.say("", 0, fmt.Sprintf("warning: %s %s, %d in all", what, count(int(lost-before), noun), lost))
	}
}
