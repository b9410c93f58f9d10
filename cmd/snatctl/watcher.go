package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// watcher turns the kernel's events into lines. Two goroutines share it: one takes events as
// they come and never waits for anything else, the other keeps the picture of the table true.
type watcher struct {
	watchOptions
	source *ctlink.EventSource
	out    *spool  // nil: nothing is printed
	log    *natLog // nil: nothing is logged

	mu    sync.Mutex // over what of live knows the table
	live  *live
	index atomic.Pointer[ct.Index]

	line, record []byte    // scratch of the goroutine that takes events
	asked        time.Time // when an event last made it ask whether the table has changed

	resync  resync
	refused refusals
	notices notices
}

func newWatcher(l *live, o watchOptions) *watcher {
	w := &watcher{watchOptions: o, live: l}
	w.resync.wake = make(chan struct{}, 1)
	w.notices.last, w.notices.told = make(map[string]time.Time), make(map[*spool]uint64)
	w.index.Store(l.index)
	return w
}

// events takes events until ctx is done, and then those that wait in the kernel.
func (w *watcher) events(ctx context.Context) error {
	if err := w.take(ctx, w.source.Events(ctx)); err != nil {
		return err
	}
	return w.take(ctx, w.source.Drain())
}

func (w *watcher) take(ctx context.Context, events iter.Seq2[*ct.Event, error]) error {
	for e, err := range events {
		var overrun *ctlink.OverrunError
		switch {
		case err == nil:
			w.event(ctx, e)
		case errors.As(err, &overrun):
			w.overrun(overrun)
		case errors.Is(err, context.Canceled):
			return nil
		default:
			return err
		}
	}
	return nil
}

func (w *watcher) event(ctx context.Context, e *ct.Event) {
	if w.resync.reported(e) {
		return
	}
	now := e.At
	if now.IsZero() {
		now = time.Now()
	}
	owner := w.index.Load().Owner(&e.Flow)
	if owner.Past && e.Kind == ct.New && w.tableChanged(ctx) {
		owner = w.index.Load().Owner(&e.Flow)
	}
	w.line, w.record = w.report(w.line, w.record, e, now, &owner)
}

// report prints and logs an event, with the caller's scratch.
func (w *watcher) report(line, record []byte, e *ct.Event, at time.Time, o *ct.Owner) ([]byte, []byte) {
	if !w.selection.match(&e.Flow, o) {
		return line, record
	}
	if w.out != nil {
		if w.format == "jsonl" {
			line = ct.AppendEvent(line[:0], e, at, o)
		} else {
			line = appendEventText(line[:0], e, at, o)
		}
		line = append(line, '\n')
		w.out.add(line)
	}
	if w.log != nil {
		var logged bool
		if record, logged = ct.AppendLog(record[:0], e, at, o, w.destinations); logged {
			record = append(record, '\n')
			w.log.add(record)
		}
	}
	return line, record
}

// appendEventText appends "13:38:08.123456 new      tcp …": local time, as people's clocks.
func appendEventText(b []byte, e *ct.Event, at time.Time, o *ct.Owner) []byte {
	b = at.Local().AppendFormat(b, "15:04:05.000000 ")
	b = append(b, e.Kind.String()...)
	b = append(b, "        "[len(e.Kind.String()):]...)
	b = appendFlowText(b, &e.Flow, o)
	if e.Kind != ct.Destroy { // only ends come with counters
		b = bytes.TrimRight(bytes.TrimSuffix(b, []byte("not counted")), " ")
	}
	return b
}

// askingPause bounds how often events that nothing explains make the watcher ask.
const askingPause = 10 * time.Millisecond

// tableChanged asks at once whether the table has changed when an event is not explained by
// the one that is known: most likely somebody has just applied a policy.
func (w *watcher) tableChanged(ctx context.Context) bool {
	now := time.Now()
	if now.Sub(w.asked) < askingPause {
		return false
	}
	w.asked = now
	return w.refresh(ctx)
}

// refresh reads the table if it has changed, and tells whether it did.
func (w *watcher) refresh(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	stood := w.live.there
	changed, err := w.live.refresh(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		w.notices.say("read", time.Second, fmt.Sprintf("warning: the table could not be read again, zones and services are those of before: %v", err))
		return false
	case stood && !w.live.there:
		w.notices.say("table", 0, fmt.Sprintf("warning: table inet %s is gone: connections belong to nobody until it is back", w.table))
	}
	if changed {
		w.index.Store(w.live.index)
	}
	return changed
}

// overrun hands a loss to the other goroutine.
func (w *watcher) overrun(o *ctlink.OverrunError) {
	if w.log != nil {
		w.log.add(appendLost(nil, time.Now(), "events", o.Lost))
	}
	w.resync.begin(o)
}

func (w *watcher) close() {
	for _, s := range w.spools() {
		s.close(stuck)
	}
	w.tellLosses()
}

func (w *watcher) spools() (all []*spool) {
	if w.out != nil {
		all = append(all, w.out)
	}
	if w.log != nil {
		all = append(all, w.log.spool)
	}
	return all
}
