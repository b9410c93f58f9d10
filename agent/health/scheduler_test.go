package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// world is a network that a test makes up: each server answers as its function says.
type world struct {
	mu     sync.Mutex
	answer map[netip.AddrPort]func(context.Context) error // nil: connects at once
	calls  map[netip.AddrPort][]span
}

// span is a check, from its start to its end.
type span struct{ from, to time.Time }

func newWorld() *world {
	return &world{answer: map[netip.AddrPort]func(context.Context) error{}, calls: map[netip.AddrPort][]span{}}
}

func (w *world) dial(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
	from := time.Now()
	w.mu.Lock()
	answer := w.answer[to]
	w.mu.Unlock()
	var err error
	if answer != nil {
		err = answer(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[to] = append(w.calls[to], span{from, time.Now()})
	if err != nil {
		return nil, err
	}
	c, _ := net.Pipe()
	return c, nil
}

func (w *world) set(to netip.AddrPort, answer func(context.Context) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer[to] = answer
}

// made returns the checks of a server that have ended, and forgets them.
func (w *world) made(to netip.AddrPort) []span {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer delete(w.calls, to)
	return w.calls[to]
}

// The ways in which servers of tests answer.
func refuses(context.Context) error    { return errors.New("connection refused") }
func silent(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
func after(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

func server(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 80)
}

// targets makes n of them, for one check.
func targets(n int, k *Check) []Target {
	var ts []Target
	for i := range n {
		ts = append(ts, Target{ID: ID{"web", server(i)}, To: server(i), Check: k})
	}
	return ts
}

// verdicts gathers what Run reports.
type verdicts struct {
	mu  sync.Mutex
	all []Verdict
}

func (v *verdicts) add(batch []Verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, batch...)
}

// said returns the verdicts so far as text, and forgets them.
func (v *verdicts) said() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var out []string
	for _, x := range v.all {
		out = append(out, fmt.Sprintf("%s %s>%s %s", x.ID.Server.Addr(), x.Was, x.State, x.Reason))
	}
	v.all = nil
	slices.Sort(out)
	return out
}

// simulate runs a scheduler on a clock of its own, in which nothing takes time by itself.
func simulate(t *testing.T, opt Options, during func(*Scheduler, *world, *verdicts)) {
	synctest.Test(t, func(t *testing.T) {
		w, v := newWorld(), &verdicts{}
		opt.Dial = w.dial
		s := New(opt)
		ctx, cancel := context.WithCancel(t.Context())
		var end sync.WaitGroup
		end.Go(func() {
			if err := s.Run(ctx, v.add); err != context.Canceled {
				t.Errorf("Run: %v", err)
			}
		})
		during(s, w, v)
		cancel()
		end.Wait()
	})
}

// TestIntervals checks servers that answer at once, slowly and never: no check overlaps itself,
// each keeps its interval, and all are spread over it.
func TestIntervals(t *testing.T) {
	const n = 300
	k := &Check{Type: TCP, Interval: 2 * time.Second, Timeout: time.Second}
	var late time.Duration
	observe := func(o Observation) { late = max(late, o.Late) }
	simulate(t, Options{Observe: observe}, func(s *Scheduler, w *world, _ *verdicts) {
		for i := range n {
			w.set(server(i), []func(context.Context) error{nil, refuses, silent, after(300 * time.Millisecond)}[i%4])
		}
		s.Set(targets(n, k))
		began := time.Now()
		time.Sleep(time.Minute)
		synctest.Wait()
		var firsts [4]int
		for i := range n {
			spans := w.made(server(i))
			if len(spans) < 29 || len(spans) > 31 {
				t.Errorf("server %d: %d checks in 60 s, one every 2 s", i, len(spans))
			}
			firsts[spans[0].from.Sub(began)/(500*time.Millisecond)]++
			for j, x := range spans[1:] {
				if before := spans[j]; x.from.Before(before.to) {
					t.Errorf("server %d: check %d began at %s, the last one ended at %s", i, j+1, x.from, before.to)
				} else if gap := x.from.Sub(before.from); gap < 1900*time.Millisecond || gap > 2100*time.Millisecond {
					t.Errorf("server %d: %s between checks", i, gap)
				}
			}
		}
		for quarter, count := range firsts {
			if count < n/8 {
				t.Errorf("first checks by quarter of the interval are %v: quarter %d has too few", firsts, quarter)
			}
		}
		if late != 0 {
			t.Errorf("a check began %s late, although nothing was in its way", late)
		}
	})
}

// TestTimeoutBeyondInterval lets a check take longer than its interval: the next one follows at
// once, and not before.
func TestTimeoutBeyondInterval(t *testing.T) {
	k := &Check{Type: TCP, Interval: time.Second, Timeout: 3 * time.Second}
	simulate(t, Options{}, func(s *Scheduler, w *world, _ *verdicts) {
		w.set(server(0), silent)
		s.Set(targets(1, k))
		time.Sleep(time.Minute)
		synctest.Wait()
		spans := w.made(server(0))
		if len(spans) < 19 || len(spans) > 20 {
			t.Errorf("%d checks in 60 s, want 19 or 20", len(spans))
		}
		for i, x := range spans[1:] {
			if x.from != spans[i].to {
				t.Errorf("check %d began %s after the end of the last", i+1, x.from.Sub(spans[i].to))
			}
		}
	})
}

// TestFewWorkers gives 50 slow servers 5 workers, a third of what they need: each gets its turn.
func TestFewWorkers(t *testing.T) {
	const n = 50
	k := &Check{Type: TCP, Interval: 2 * time.Second, Timeout: time.Second}
	simulate(t, Options{Workers: 5}, func(s *Scheduler, w *world, _ *verdicts) {
		for i := range n {
			w.set(server(i), after(600*time.Millisecond))
		}
		s.Set(targets(n, k))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		want := 120 * 5 * 10 / 6 / n
		for i := range n {
			if got := len(w.made(server(i))); got < want-1 || got > want+1 {
				t.Errorf("server %d: %d checks, want about %d", i, got, want)
			}
		}
	})
}

// TestVerdicts lets servers die and come back.
func TestVerdicts(t *testing.T) {
	k := &Check{Type: TCP, Rise: 2, Fall: 3}
	simulate(t, Options{}, func(s *Scheduler, w *world, v *verdicts) {
		ts := targets(3, k)
		ts[2].Start = Down
		s.Set(ts)
		for _, step := range []struct {
			what string
			set  func()
			wait time.Duration
			want []string
		}{
			{"nothing yet", func() { w.set(server(1), refuses) }, 1800 * time.Millisecond, nil},
			{"first verdicts", func() {}, 6 * time.Second, []string{"192.0.0.0 unknown>up ", "192.0.0.1 unknown>down connection refused", "192.0.0.2 down>up "}},
			{"no change", func() {}, time.Minute, nil},
			{"silence", func() { w.set(server(0), silent) }, 9 * time.Second, []string{"192.0.0.0 up>down no answer in 1s"}},
			{"back", func() { w.set(server(0), nil); w.set(server(1), nil) }, 7 * time.Second, []string{"192.0.0.0 down>up ", "192.0.0.1 down>up "}},
		} {
			step.set()
			time.Sleep(step.wait)
			synctest.Wait()
			if got := v.said(); !slices.Equal(got, step.want) {
				t.Errorf("%s: %q, want %q", step.what, got, step.want)
			}
		}
		h := s.Health(ts[1].ID)
		if h.State != Up || h.Error != "" || h.Failures < 20 || time.Since(h.LastCheck) > 3*time.Second {
			t.Errorf("health is %+v", h)
		}
		count := 0
		for id, h := range s.All() {
			if count++; s.Health(id) != h {
				t.Errorf("%v is %+v in All, else %+v", id, h, s.Health(id))
			}
		}
		if count != 3 {
			t.Errorf("All has %d targets, want 3", count)
		}
	})
}

// TestSlowReport holds up the receiver of verdicts: checks go on, and what was said meanwhile
// comes in one batch.
func TestSlowReport(t *testing.T) {
	k := &Check{Type: TCP, Rise: 1}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		s := New(Options{Dial: w.dial})
		s.Set(targets(100, k))
		ctx, cancel := context.WithCancel(t.Context())
		var sizes []int
		var end sync.WaitGroup
		end.Go(func() {
			s.Run(ctx, func(batch []Verdict) {
				sizes = append(sizes, len(batch))
				time.Sleep(10 * time.Second)
			})
		})
		time.Sleep(time.Minute)
		cancel()
		end.Wait()
		if len(sizes) != 2 || sizes[0]+sizes[1] != 100 {
			t.Errorf("batches of %v verdicts, want 2 of them with 100", sizes)
		}
		if got := len(w.made(server(7))); got < 28 {
			t.Errorf("%d checks in 60 s while the receiver slept", got)
		}
	})
}
