package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// resync makes lost events good: flows that began since nothing was lost yet, and that no
// event told of, are listed from the table and reported as new. Each flow is reported once,
// whether its event comes before the list, meanwhile or later.
//
// What ended unseen is not told: the log has a line for the loss, and what `snatctl flows`
// does not list any more has ended.
type resync struct {
	wake   chan struct{}
	active atomic.Bool

	mu    sync.Mutex
	lost  uint64    // events that no list has made good yet
	total uint64    // events lost in all
	since time.Time // nothing was lost before; zero: nothing is to be made good
	until time.Time // when events of flows that the list had will have come
	// known are flows that need not be reported from the list: true for those that were, and
	// whose event may come yet. Those entered before turned are in older.
	known, older map[ct.FlowName]bool
	turned       time.Time

	recent [1 << 16]ct.FlowName // the last flows that events told of; only the goroutine of events looks
	next   int
}

// begin notes a loss and asks for a list.
func (r *resync) begin(o *ctlink.OverrunError) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost += o.Lost
	r.total += o.Lost
	if r.since.IsZero() || o.Since.Before(r.since) {
		r.since = o.Since
	}
	if r.known == nil {
		r.known = make(map[ct.FlowName]bool, len(r.recent))
		for _, f := range r.recent[:min(r.next, len(r.recent))] {
			r.known[f] = false
		}
	}
	r.active.Store(true)
	r.poke()
}

func (r *resync) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// reported tells whether an event is of a flow that the list had already. It must see every
// event.
func (r *resync) reported(e *ct.Event) bool {
	if e.Kind.Begins() {
		r.recent[r.next%len(r.recent)] = e.Flow.Name()
		r.next++
	}
	if !r.active.Load() || e.Kind == ct.Update {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		return false
	}
	listed, _ := r.knows(e.Flow.Name())
	r.known[e.Flow.Name()] = false
	return listed && e.Kind.Begins()
}

func (r *resync) knows(f ct.FlowName) (listed, known bool) {
	if listed, known = r.known[f]; !known {
		listed, known = r.older[f]
	}
	return listed, known
}

// missed tells whether a flow of the list began unseen, and if so has report tell of it before
// any later event can.
func (r *resync) missed(f *ct.Flow, report func()) bool { return r.found(f, true, report) }

// found is missed for a flow whose first event need not be awaited, unless remember is set.
func (r *resync) found(f *ct.Flow, remember bool, report func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, seen := r.knows(f.Name()); seen || r.known == nil {
		return false
	}
	if remember {
		r.known[f.Name()] = true
	}
	report()
	return true
}

// late is how long events of listed flows may be on their way.
const late = 2 * time.Second

// calm forgets what is known of single flows when all has been made good for a while.
func (r *resync) calm(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known != nil && r.since.IsZero() && now.After(r.until) {
		r.known, r.older, r.turned = nil, nil, time.Time{}
		r.active.Store(false)
	}
}

// take begins a list that is to make good what was lost, and says since when.
func (r *resync) take(now time.Time) (lost uint64, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost, since = r.lost, r.since
	r.lost, r.since = 0, time.Time{}
	// Where losses never end it never gets calm. The list leaves out what began before since,
	// so nobody asks any more for flows that were known by then.
	if lost > 0 && since.After(r.turned) && now.Sub(r.turned) > late {
		r.known, r.older, r.turned = make(map[ct.FlowName]bool), r.known, now
	}
	return lost, since
}

// open lets the first list tell new flows from those that existed already.
func (r *resync) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = make(map[ct.FlowName]bool)
	}
	r.active.Store(true)
}

// find reports the flows that stood when the watch began. What begins while they are listed is
// new, and reported once, by its event or from the list.
func (w *Watch) find(ctx context.Context) error {
	defer w.rest()
	for f, err := range w.reader.Flows(ctx) {
		if err != nil {
			return err
		}
		w.related.listed(f)
		report := func() {
			e, at := ct.Event{Kind: ct.Found, Flow: *f}, time.Now()
			if f.Start.After(w.began) {
				e.Kind, at = ct.New, f.Start
			}
			owner := w.picture.Load().Index.Owner(f)
			w.o.Report(&e, at, &owner)
		}
		// If the first event was long ago, the flow need not be remembered.
		w.resync.found(f, f.Start.IsZero() || f.Start.After(w.began.Add(-late)), report)
	}
	w.resync.mu.Lock()
	w.resync.until = time.Now().Add(late)
	w.resync.mu.Unlock()
	return nil
}

// mend lists the flows after a loss. The other goroutine goes on taking events.
func (w *Watch) mend(ctx context.Context) {
	r := &w.resync
	lost, since := r.take(time.Now())
	if lost == 0 {
		return
	}
	flows, unseen, err := w.listSince(ctx, since)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil { // the next second tries again
		r.lost += lost
		r.since = since
		if ctx.Err() == nil {
			w.o.Tell(Unlisted{lost, err})
		}
		return
	}
	r.until = time.Now().Add(late)
	w.o.Tell(Resynced{lost, r.total, flows, unseen})
}

// listSince lists all flows, and reports those that began since and that no event told of.
// Where the kernel keeps no times nobody can tell which these are.
func (w *Watch) listSince(ctx context.Context, since time.Time) (flows, unseen int, err error) {
	defer w.rest()
	for f, err := range w.reader.Flows(ctx) {
		if err != nil {
			return flows, unseen, err
		}
		flows++
		w.related.listed(f)
		if f.Start.Before(since) {
			continue
		}
		if w.resync.missed(f, func() {
			e := ct.Event{Kind: ct.New, Flow: *f}
			owner := w.picture.Load().Index.Owner(f)
			w.o.Report(&e, f.Start, &owner)
		}) {
			unseen++
		}
	}
	return flows, unseen, nil
}
