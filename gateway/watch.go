package gateway

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// Watch reports connections as they begin, change and end, each with its owner. Two goroutines
// share it: one takes events as they come and never waits for anything else; the other keeps
// the picture of the table up to date, and recovers what was lost.
type Watch struct {
	o       WatchOptions
	began   time.Time // before the first event could come
	source  *ctlink.EventSource
	picture atomic.Pointer[Picture]

	mu     sync.Mutex // over reader
	reader *Reader
	asked  time.Time // when an event last made it ask whether the table has changed

	owner ct.Owner // of the event at hand: one for each would be work for the collector

	resync  resync
	refused Refusals
	related related
}

// related remembers the masters of related flows, for both goroutines.
type related struct {
	mu sync.Mutex
	ct.Masters
}

// listed notes the master of a flow that was listed.
func (r *related) listed(f *ct.Flow) {
	if f.Status&ct.Expected != 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Listed(f)
	}
}

// heard fills in the master of a flow that changes or ends. Few flows have one.
func (r *related) heard(e *ct.Event) {
	if e.Flow.Status&ct.Expected != 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.Heard(e)
	}
}

// WatchOptions say what to watch and who hears of it.
type WatchOptions struct {
	Buffer int            // bytes of events that may wait in the kernel; 0: the default
	Kinds  []ct.EventKind // nil: all

	// Report is called for each event, with its time and owner. Its arguments are valid until it
	// returns. Both goroutines call it.
	Report func(e *ct.Event, at time.Time, o *ct.Owner)
	// Rest is called when all events that had come are reported, so that what was gathered of
	// them can be passed on in one piece. Both goroutines call it. Nil is for who gathers nothing.
	Rest func()
	// Found also reports the flows that exist when the watch begins, as events of kind Found.
	Found bool
	// Tell hears of what else happens: Gone, Overrun, Resynced, Unlisted, Unread and Refused.
	Tell func(Event)
}

// Gone says that the table that was watched is gone.
type Gone struct{ Table string }

// Overrun says that events were lost, at once when that is known.
type Overrun struct{ Lost uint64 }

// Resynced says that lost events have been made good from a list of all flows.
type Resynced struct {
	Lost, Total   uint64 // events, just now and in all
	Flows, Unseen int    // listed, and begun without an event among them
}

// Unlisted says that the flows could not be listed, which the next second tries again.
type Unlisted struct {
	Lost uint64
	Err  error
}

// Unread says that the table could not be read again: owners are those of before.
type Unread struct{ Err error }

// Refused says that conntrack refused new connections, which the kernel does in silence, and
// what may be the cause.
type Refused struct {
	Connections uint64
	Problems    []ct.Problem
	Shortages   []ct.Shortage
}

func (Gone) event()     {}
func (Overrun) event()  {}
func (Resynced) event() {}
func (Unlisted) event() {}
func (Unread) event()   {}
func (Refused) event()  {}

// Listen begins to take events about a table of which a picture was made. The reader is the
// watch's from now on.
func Listen(r *Reader, p *Picture, o WatchOptions) (w *Watch, err error) {
	w = &Watch{o: o, reader: r, began: time.Now()}
	w.resync.wake = make(chan struct{}, 1)
	if o.Found {
		w.resync.open() // before the first event, or the list would report its flow again
	}
	w.picture.Store(p)
	w.tellRefused(context.Background()) // what was refused so far is no news
	if w.source, err = ctlink.Listen(ctlink.ListenOptions{Buffer: o.Buffer, Kinds: o.Kinds}); err != nil {
		return nil, err
	}
	return w, nil
}

// Close lets go of the events.
func (w *Watch) Close() { w.source.Close() }

// Run takes events until ctx is done, and then those that wait in the kernel.
func (w *Watch) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	tended := make(chan struct{})
	go func() { defer close(tended); w.tend(ctx) }()
	err := w.take(ctx, w.source.Events(ctx))
	if err == nil {
		err = w.take(ctx, w.source.Drain())
	}
	stop()
	<-tended
	return err
}

func (w *Watch) take(ctx context.Context, events iter.Seq2[*ct.Event, error]) error {
	for e, err := range events {
		if err == nil {
			w.event(ctx, e)
			if w.source.Pending() == 0 {
				w.rest()
			}
			continue
		}
		var overrun *ctlink.OverrunError // a new one for each loss: where events pass by it would cost an allocation each
		switch {
		case errors.As(err, &overrun):
			w.rest() // the last event that came may be one that could not be read
			w.o.Tell(Overrun{overrun.Lost})
			w.resync.begin(overrun)
		case errors.Is(err, context.Canceled):
			return nil
		default:
			return err
		}
	}
	return nil
}

func (w *Watch) rest() {
	if w.o.Rest != nil {
		w.o.Rest()
	}
}

func (w *Watch) event(ctx context.Context, e *ct.Event) {
	w.related.heard(e)
	if w.resync.reported(e) {
		return
	}
	now := e.At
	if now.IsZero() {
		now = time.Now()
	}
	w.owner = w.picture.Load().Index.Owner(&e.Flow)
	if w.owner.Past && e.Kind.Begins() && w.tableChanged(ctx) {
		w.owner = w.picture.Load().Index.Owner(&e.Flow)
	}
	w.o.Report(e, now, &w.owner)
}

// askingPause bounds how often events that nothing explains make the watch ask.
const askingPause = 10 * time.Millisecond

// tableChanged asks at once whether the table has changed when an event is not explained by
// the one that is known: most likely somebody has just applied a policy.
func (w *Watch) tableChanged(ctx context.Context) bool {
	now := time.Now()
	if now.Sub(w.asked) < askingPause {
		return false
	}
	w.asked = now
	return w.refresh(ctx)
}

// refresh reads the table if it has changed, and tells whether it did.
func (w *Watch) refresh(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.picture.Load()
	now, err := w.reader.Refresh(ctx, before)
	if err != nil {
		if ctx.Err() == nil {
			w.o.Tell(Unread{err})
		}
		return false
	}
	if before.Stands && !now.Stands {
		w.o.Tell(Gone{now.Table})
	}
	w.picture.Store(now)
	return now != before
}

// Once a poll the watch asks whether the ruleset has changed, which is one small request;
// every pollsPerLook-th time it looks at the rest: addresses, refused connections, losses.
const (
	poll         = 100 * time.Millisecond
	pollsPerLook = 10
)

// tend keeps the picture of the table true, and tells of what goes wrong, until ctx is done.
func (w *Watch) tend(ctx context.Context) {
	if w.o.Found {
		if err := w.find(ctx); err != nil && ctx.Err() == nil {
			w.o.Tell(Unlisted{0, err})
		}
	}
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
				w.mend(ctx)
				w.resync.calm(time.Now())
				w.tellRefused(ctx)
			}
		}
	}
}
