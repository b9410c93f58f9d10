package gateway

import (
	"context"
	"time"

	"github.com/snatctl/snatctl/ct"
)

// Account keeps account of what flows carry, for who wants to know it every now and then: one
// goroutine hears of events, another reads. The table may change meanwhile: nothing is lost by that.
type Account struct {
	hearing
	reader  *Reader
	picture func() (*Picture, error)
	given   *Picture // by picture
	stands  *Picture // the same, with the addresses of this host now
	now     *ct.Rates
	index   *ct.Index // of now
	start   time.Time
}

// Accounted is what an Account reads at a time.
type Accounted struct {
	Survey
	Picture *Picture      // whom flows belong to
	Rates   []ct.Rate     // by object (ct.ByObject), since the reading before
	Known   bool          // whether rates tell more than flows: not after events were lost, and not at first
	At      time.Time     // when the flows were listed
	Over    time.Duration // since the reading before; 0: there is none
	// Heard counts events since the account began, by kind: New and Destroy. Lost counts those of
	// which nobody knows of what kind they were.
	Heard [ct.Taken + 1]uint64
	Lost  uint64
}

// OpenAccount begins to keep account of the flows of a table of this network namespace. picture tells whom
// they belong to: the same one until that changes.
func OpenAccount(table string, picture func() (*Picture, error)) (*Account, error) {
	r, err := OpenReader(table)
	if err != nil {
		return nil, err
	}
	a := &Account{reader: r, picture: picture}
	if err := a.listen(ct.New); err != nil {
		r.Close()
		return nil, err
	}
	return a, nil
}

// Close lets go of table and events. It must not be called before Hear has returned.
func (a *Account) Close() {
	a.hearing.Close()
	a.reader.Close()
}

// Read reads what the table counts, and then lists the flows: whoever compares the two sees no
// connection counted that is not listed yet.
func (a *Account) Read(ctx context.Context) (r Accounted, err error) {
	start := time.Now()
	if err := a.look(); err != nil {
		return r, err
	}
	p := a.stands
	counted, err := a.reader.counts(ctx)
	if err != nil {
		return r, err
	}
	next := a.begin(p)
	if r.Survey, err = a.reader.surveyed(ctx, p, a.list); err != nil {
		return r, err
	}
	counted.enter(&r.Report)
	r.Picture = p
	a.catchUp()
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Rates, r.Known = a.now.Finish()
	if next != a.now { // it knows of the flows now what the other knew before
		next.Finish()
		a.now, a.index, a.rates = next, p.Index, []*ct.Rates{next}
	}
	if !a.start.IsZero() {
		r.Over = start.Sub(a.start)
	}
	a.start = start
	r.At, r.Took, r.Heard, r.Lost = start, time.Since(start), a.heard, a.source.Lost()
	return r, a.fail
}

// look finds out whom flows belong to now.
func (a *Account) look() error {
	now, err := a.picture()
	if err != nil {
		return err
	}
	if now != a.given {
		a.given, a.stands = now, now
	}
	a.stands, err = a.stands.Here()
	return err
}

// begin begins a list. If the table has changed, what has happened since the list before is told by
// the one that was, and the next list will be compared by the one that is.
func (a *Account) begin(p *Picture) (next *ct.Rates) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if next = a.now; next == nil || a.index != p.Index {
		next = ct.NewRates(p.Index, ct.ByObject)
	}
	if a.now == nil {
		a.now, a.index = next, p.Index
	}
	if a.rates = []*ct.Rates{a.now}; next != a.now {
		a.rates = append(a.rates, next)
	}
	for _, r := range a.rates {
		r.Begin()
	}
	return next
}

func (a *Account) list(f *ct.Flow) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.rates {
		r.List(f)
	}
}
