package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// Meter measures what flows do in a second: one goroutine hears of ends, another lists the flows.
type Meter struct {
	reader  *Reader
	picture *Picture
	source  *ctlink.EventSource

	mu    sync.Mutex // over what follows
	rates *ct.Rates
	by    ct.Grouping
	heard uint64 // events so far
	start time.Time
	fail  error // why nothing is heard any more
}

// Measured is what a Meter reads at a time.
type Measured struct {
	By     ct.Grouping
	Rates  []ct.Rate
	Known  bool          // whether rates tell more than flows
	Over   time.Duration // what they happened in
	Took   time.Duration // to make the list
	Stats  ctlink.Stats
	Flows  uint64 // in the list
	Lost   uint64 // events, since the meter began
	Absent error  // there is no table: an ErrNoTable
}

// NewMeter begins to take events about a table of which a picture was made. The reader is the
// meter's from now on.
func NewMeter(r *Reader, p *Picture) (*Meter, error) {
	source, err := ctlink.Listen(ctlink.ListenOptions{Kinds: []ct.EventKind{ct.Destroy}})
	if err != nil {
		return nil, err
	}
	return &Meter{reader: r, picture: p, source: source}, nil
}

// Close lets go of the events. It must not be called before Hear has returned.
func (m *Meter) Close() { m.source.Close() }

// Hear hears of ends until ctx is done.
func (m *Meter) Hear(ctx context.Context) {
	for e, err := range m.source.Events(ctx) {
		m.end(e, err)
	}
}

func (m *Meter) end(e *ct.Event, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.heard++
	var overrun *ctlink.OverrunError
	switch {
	case err != nil && !errors.As(err, &overrun):
		m.fail = err
	case m.rates == nil:
	case err != nil:
		m.rates.Lost()
	default:
		m.rates.Ended(&e.Flow)
	}
}

// Read lists the flows, and says what has happened since it last did.
func (m *Meter) Read(ctx context.Context, by ct.Grouping) (Measured, error) {
	r := Measured{By: by}
	start, before, err := m.begin(ctx, by)
	if err != nil {
		return r, err
	}
	for f, err := range m.reader.Flows(ctx) {
		if err != nil {
			return r, err
		}
		r.Flows++
		m.mu.Lock()
		m.rates.List(f)
		m.mu.Unlock()
	}
	r.Took = time.Since(start)
	m.catchUp()
	m.mu.Lock()
	r.Rates, r.Known = m.rates.Finish()
	err = m.fail
	m.mu.Unlock()
	if err != nil {
		return r, err
	}
	r.Over = start.Sub(before)
	r.Lost = m.source.Lost()
	r.Absent = m.picture.Missing()
	r.Stats, err = m.reader.Stats(ctx)
	return r, err
}

// begin begins a list, from anew if the table or what is asked for has changed.
func (m *Meter) begin(ctx context.Context, by ct.Grouping) (start, before time.Time, err error) {
	now, err := m.reader.Refresh(ctx, m.picture)
	if err != nil {
		return start, before, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rates == nil || now != m.picture || by != m.by {
		m.rates, m.by = ct.NewRates(now.Index, by), by
	}
	m.picture = now
	before, m.start = m.start, time.Now()
	m.rates.Begin()
	return m.start, before, nil
}

// Events of what ended while the list was made come a moment later: they may gather that long.
const (
	quiet      = ctlink.Gather + 3*time.Millisecond
	quietTries = 13
)

// catchUp waits until no more events come, but not long: under a flood they never end.
func (m *Meter) catchUp() {
	var before uint64
	for range quietTries {
		time.Sleep(quiet)
		m.mu.Lock()
		heard := m.heard
		m.mu.Unlock()
		if heard == before {
			return
		}
		before = heard
	}
}
