package web

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/snatctl/snatctl/agent/journal"
)

// mostEvents is how many events are kept for those who listen: more than one verdict for each of a thousand
// real servers. Whoever reads more slowly than they come loses the oldest.
const mostEvents = 4096

// Events are the newest that an agent has logged. As a slog.Handler they take what is logged; listeners read
// at their own pace, and none of them holds up the agent or takes memory of its own.
type Events struct {
	run     string        // tells the events of one agent from those of another
	streams chan struct{} // one for each that is being written

	mu   sync.Mutex // over what follows
	ring [mostEvents]event
	next uint64        // the number of the next event; the first is 1
	more chan struct{} // closed when there is another
}

// event is one that was logged.
type event struct {
	name string
	line []byte // a line of the log as JSON, without its end
}

// NewEvents begins to keep events.
func NewEvents() *Events {
	return &Events{run: strconv.FormatInt(time.Now().UnixMilli(), 36), streams: make(chan struct{}, mostStreams), next: 1, more: make(chan struct{})}
}

// Handler takes what is logged.
func (e *Events) Handler() slog.Handler {
	l := &lines{}
	h, _ := journal.Lines(&l.b, journal.Options{Format: "json"}) // a format that there is
	return &taker{e, l, h}
}

// lines is where a line is made.
type lines struct {
	mu sync.Mutex // over a record
	b  bytes.Buffer
}

// taker is Events as a handler of slog.
type taker struct {
	events *Events
	lines  *lines
	json   slog.Handler // to lines
}

// Enabled takes all but what is for finding faults in the agent.
func (t *taker) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle takes an event.
func (t *taker) Handle(ctx context.Context, r slog.Record) error {
	t.lines.mu.Lock()
	defer t.lines.mu.Unlock()
	t.lines.b.Reset()
	if err := t.json.Handle(ctx, r); err != nil {
		return err
	}
	t.events.add(event{r.Message, bytes.Clone(bytes.TrimSpace(t.lines.b.Bytes()))})
	return nil
}

// WithAttrs is for slog.
func (t *taker) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &taker{t.events, t.lines, t.json.WithAttrs(attrs)}
}

// WithGroup is for slog.
func (t *taker) WithGroup(name string) slog.Handler {
	return &taker{t.events, t.lines, t.json.WithGroup(name)}
}

func (e *Events) add(v event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring[e.next%mostEvents] = v
	e.next++
	close(e.more)
	e.more = make(chan struct{})
}

// newest is the number that the next event will have.
func (e *Events) newest() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.next
}

// after returns some events from a number on, in their order, and how many of those that were asked for are
// not kept any more. If there are none, more is closed when there is one.
func (e *Events) after(from uint64, most int) (out []event, lost uint64, more <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	oldest := uint64(1)
	if e.next > mostEvents {
		oldest = e.next - mostEvents
	}
	if from < oldest {
		lost, from = oldest-from, oldest
	}
	for n := from; n < e.next && len(out) < most; n++ {
		out = append(out, e.ring[n%mostEvents])
	}
	return out, lost, e.more
}

// id is the name of an event for those who come back.
func (e *Events) id(n uint64) string { return e.run + "-" + strconv.FormatUint(n, 10) }

// behind reads the name of the last event that somebody has heard. Of an agent before nothing is known.
func (e *Events) behind(id string) (n uint64, known bool) {
	run, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	return n, err == nil && run == e.run && n < e.newest()
}

// appendEvent writes an event as a stream has it (HTML, 9.2.6).
func appendEvent(b []byte, id, name string, data []byte) []byte {
	b = append(append(append(b, "id: "...), id...), '\n')
	b = append(append(append(b, "event: "...), name...), '\n')
	return append(append(append(b, "data: "...), data...), "\n\n"...)
}
