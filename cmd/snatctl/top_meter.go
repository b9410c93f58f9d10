package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
	"github.com/snatctl/snatctl/gateway"
)

// meter measures rates: one goroutine hears of ends, another lists the flows.
type meter struct {
	reader  *gateway.Reader
	picture *gateway.Picture
	source  *ctlink.EventSource

	mu    sync.Mutex // over what follows
	rates *ct.Rates
	by    ct.Grouping
	heard uint64 // events so far
	start time.Time
	fail  error // why nothing is heard any more
}

// reading is what a meter reads at a time.
type reading struct {
	by     ct.Grouping
	rates  []ct.Rate
	known  bool          // whether rates tell more than flows
	over   time.Duration // what they happened in
	took   time.Duration // to make the list
	stats  ctlink.Stats
	flows  uint64 // in the list
	lost   uint64 // events, since the meter began
	absent error  // there is no table
}

func newMeter(r *gateway.Reader, p *gateway.Picture) (*meter, error) {
	source, err := ctlink.Listen(ctlink.ListenOptions{Kinds: []ct.EventKind{ct.Destroy}})
	if err != nil {
		return nil, err
	}
	return &meter{reader: r, picture: p, source: source}, nil
}

// close must not be called before listen has returned.
func (m *meter) close() { m.source.Close() }

// listen hears of ends until ctx is done.
func (m *meter) listen(ctx context.Context) {
	for e, err := range m.source.Events(ctx) {
		m.hear(e, err)
	}
}

func (m *meter) hear(e *ct.Event, err error) {
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

// read lists the flows, and says what has happened since it last did.
func (m *meter) read(ctx context.Context, by ct.Grouping) (reading, error) {
	r := reading{by: by}
	start, before, err := m.begin(ctx, by)
	if err != nil {
		return r, err
	}
	for f, err := range m.reader.Flows(ctx) {
		if err != nil {
			return r, err
		}
		r.flows++
		m.mu.Lock()
		m.rates.List(f)
		m.mu.Unlock()
	}
	r.took = time.Since(start)
	m.catchUp()
	m.mu.Lock()
	r.rates, r.known = m.rates.Finish()
	err = m.fail
	m.mu.Unlock()
	if err != nil {
		return r, err
	}
	r.over = start.Sub(before)
	r.lost = m.source.Lost()
	r.absent = m.picture.Missing()
	r.stats, err = m.reader.Stats(ctx)
	return r, err
}

// begin begins a list, from anew if the table or what is asked for has changed.
func (m *meter) begin(ctx context.Context, by ct.Grouping) (start, before time.Time, err error) {
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

// Events of what ended while the list was made come a moment later.
const (
	quiet      = 4 * time.Millisecond
	quietTries = 25
)

// catchUp waits until no more events come, but not long: under a flood they never end.
func (m *meter) catchUp() {
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
