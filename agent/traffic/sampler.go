package traffic

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/snatctl/snatctl/gateway"
)

// How old figures may be, as they are given out; reading rests at least so many times what it took; and
// how long after the last question the sampler goes on to hear of events.
const (
	oldest = time.Second
	rest   = 3
	lease  = 10 * time.Minute
)

// Options say what a sampler reads.
type Options struct {
	Table   string                           // of this network namespace; the family is inet
	Picture func() (*gateway.Picture, error) // whom flows belong to: the same until that changes
	Lost    func(events uint64)              // hears how many events were lost since the reading before; nil: nobody does
}

// Sampler reads figures when somebody asks. Its methods are safe for concurrent use.
type Sampler struct {
	o     Options
	asks  chan ask
	ended chan struct{} // closed once Run has returned

	mu      sync.Mutex // over what follows
	newest  *Figures
	lost    uint64 // events, as far as Options.Lost knows: it outlives the figures
	history history
}

// ask is a question for figures.
type ask struct {
	answer chan answer // holds one
}

type answer struct {
	figures *Figures
	err     error
}

// New makes a sampler. It reads nothing before Run.
func New(o Options) *Sampler {
	return &Sampler{o: o, asks: make(chan ask), ended: make(chan struct{})}
}

// ErrEnded says that a sampler does not run any more.
var ErrEnded = errors.New("figures are not read any more: the agent has ended")

// Figures returns figures that are as new as they can be had at little cost: some seconds old at most
// on a gateway with very many services or flows, else one. It waits for a reading if there is none.
func (s *Sampler) Figures(ctx context.Context) (*Figures, error) {
	q := ask{make(chan answer, 1)}
	select {
	case s.asks <- q:
	case <-s.ended:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-q.answer:
		return a.figures, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Run answers until ctx is done. It may be called once.
func (s *Sampler) Run(ctx context.Context) {
	defer close(s.ended)
	var r reading
	defer r.close()
	idle := time.NewTimer(lease)
	defer idle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-idle.C:
			r.close()
			s.forget()
		case q := <-s.asks:
			idle.Reset(lease)
			f, err := s.fresh(ctx, &r)
			q.answer <- answer{f, err}
		}
	}
}

// forget lets go of figures that nobody wants any more: of a large policy they take much room.
func (s *Sampler) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = nil
}

// fresh returns the newest figures, and reads others if these are too old.
func (s *Sampler) fresh(ctx context.Context, r *reading) (*Figures, error) {
	s.mu.Lock()
	f := s.newest
	s.mu.Unlock()
	if f != nil && time.Since(f.At) < max(oldest, (1+rest)*f.Took) {
		return f, nil
	}
	f, err := r.read(ctx, &s.o)
	if err != nil {
		r.close()
		return nil, err
	}
	s.enter(f)
	return f, nil
}

// enter takes figures as the newest.
func (s *Sampler) enter(f *Figures) {
	s.mu.Lock()
	n := f.Events.Lost - s.lost
	s.newest, s.lost = f, f.Events.Lost
	s.history.enter(f)
	s.mu.Unlock()
	if n > 0 && s.o.Lost != nil {
		s.o.Lost(n)
	}
}

// reading is what a sampler reads by, and what it has summed up so far.
type reading struct {
	account *gateway.Account // nil: nobody has asked for a while
	heard   chan struct{}    // closed when the account hears nothing any more
	stop    context.CancelFunc
	totals  totals
}

// open begins to keep account.
func (r *reading) open(ctx context.Context, o *Options) error {
	if r.account != nil {
		return nil
	}
	a, err := gateway.OpenAccount(o.Table, o.Picture)
	if err != nil {
		return err
	}
	ctx, r.stop = context.WithCancel(ctx)
	heard := make(chan struct{})
	go func() { defer close(heard); a.Hear(ctx) }()
	r.account, r.heard = a, heard
	return nil
}

func (r *reading) close() {
	if r.account == nil {
		return
	}
	r.stop()
	<-r.heard
	r.account.Close()
	r.account = nil
	r.totals.pause()
}

func (r *reading) read(ctx context.Context, o *Options) (*Figures, error) {
	if err := r.open(ctx, o); err != nil {
		return nil, err
	}
	a, err := r.account.Read(ctx)
	if err != nil {
		return nil, err
	}
	return r.totals.figures(&a), nil
}
