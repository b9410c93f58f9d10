package gateway

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/ct/ctlink"
)

// Meter measures what flows do in a second: one goroutine hears of ends, another lists the flows.
type Meter struct {
	hearing
	reader  *Reader
	picture *Picture

	now   *ct.Rates
	by    ct.Grouping
	start time.Time
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
	m := &Meter{reader: r, picture: p}
	return m, m.listen()
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
		m.now.List(f)
		m.mu.Unlock()
	}
	r.Took = time.Since(start)
	m.catchUp()
	m.mu.Lock()
	r.Rates, r.Known = m.now.Finish()
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
	if m.now == nil || now != m.picture || by != m.by {
		m.now, m.by = ct.NewRates(now.Index, by), by
		m.rates = []*ct.Rates{m.now}
	}
	m.picture = now
	before, m.start = m.start, time.Now()
	m.now.Begin()
	return m.start, before, nil
}
