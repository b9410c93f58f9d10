package health

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestSet changes the targets: those that stay keep their state, and those that go are forgotten.
func TestSet(t *testing.T) {
	k := &Check{Type: TCP, Rise: 2, Fall: 3}
	simulate(t, Options{}, func(s *Scheduler, w *world, v *verdicts) {
		w.set(server(1), refuses)
		s.Set(targets(3, k))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		v.said()
		before := s.Health(ID{"web", server(1)})

		same := *k
		s.Set(targets(2, &same))
		if got := s.Health(ID{"web", server(1)}); got != before || got.State != Down {
			t.Errorf("health was %+v, is %+v", before, got)
		}
		if got := s.Health(ID{"web", server(2)}); got != (Health{}) {
			t.Errorf("a target that is gone has health %+v", got)
		}
		synctest.Wait()
		w.made(server(2))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := len(w.made(server(2))); got != 0 {
			t.Errorf("a target that is gone was checked %d times", got)
		}
		s.Set(targets(3, k))
		if got := s.Health(ID{"web", server(2)}); got != (Health{}) {
			t.Errorf("a target that comes back has health %+v", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := v.said(), []string{"192.0.0.2 unknown>up "}; !slices.Equal(got, want) {
			t.Errorf("verdicts are %q, want %q", got, want)
		}
	})
}

// TestSetOtherCheck changes the check of a target after two failures of three: it takes three more.
func TestSetOtherCheck(t *testing.T) {
	k := &Check{Type: TCP, Interval: 10 * time.Second, Fall: 3}
	simulate(t, Options{}, func(s *Scheduler, w *world, v *verdicts) {
		w.set(server(0), refuses)
		ts := targets(1, k)
		ts[0].Start = Up
		s.Set(ts)
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if h := s.Health(ts[0].ID); h.Failures != 2 || h.State != Up {
			t.Fatalf("health is %+v, want two failures", h)
		}
		other := *k
		other.Path = "/other"
		s.Set(targets(1, &other))
		time.Sleep(21 * time.Second)
		synctest.Wait()
		if h := s.Health(ts[0].ID); h.Failures != 4 || h.State != Up {
			t.Errorf("health is %+v, want four failures and up: two of each check", h)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := v.said(), []string{"192.0.0.0 up>down connection refused"}; !slices.Equal(got, want) {
			t.Errorf("verdicts are %q, want %q", got, want)
		}
	})
}

// TestSetWhileChecked changes, removes and returns targets while their checks wait for an answer:
// these results say nothing, and no check overlaps the one before.
func TestSetWhileChecked(t *testing.T) {
	k := &Check{Type: TCP, Interval: time.Second, Timeout: 10 * time.Second, Rise: 1, Fall: 1}
	simulate(t, Options{}, func(s *Scheduler, w *world, v *verdicts) {
		for i := range 3 {
			w.set(server(i), silent)
		}
		s.Set(targets(3, k))
		time.Sleep(5 * time.Second) // all wait
		w.set(server(0), nil)
		w.set(server(1), nil)
		other := *k
		other.Interval = 2 * time.Second
		ts := targets(3, k)
		ts[0].Check = &other
		s.Set(ts[:1])                 // 0 is another, 1 and 2 go
		s.Set([]Target{ts[0], ts[1]}) // 1 comes back
		time.Sleep(time.Second)       // nobody has an answer yet
		if got := s.Health(ts[1].ID); got != (Health{}) {
			t.Errorf("health is %+v, want none", got)
		}
		time.Sleep(12 * time.Second)
		synctest.Wait()
		if got, want := v.said(), []string{"192.0.0.0 unknown>up ", "192.0.0.1 unknown>up "}; !slices.Equal(got, want) {
			t.Errorf("verdicts are %q, want %q", got, want)
		}
		for i := range 3 {
			spans := w.made(server(i))
			for j, x := range spans[1:] {
				if x.from.Before(spans[j].to) {
					t.Errorf("server %d: check %d overlaps the last", i, j+1)
				}
			}
		}
		if n := len(s.checks); n != 2 {
			t.Errorf("the scheduler knows %d targets, want 2", n)
		}
	})
}

// TestSetAtRandom changes targets at random for some minutes of the simulation.
func TestSetAtRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	checks := []*Check{{Type: TCP, Interval: time.Second, Timeout: 3 * time.Second}, {Type: TCP, Interval: 500 * time.Millisecond, Timeout: 200 * time.Millisecond}}
	simulate(t, Options{Workers: 20}, func(s *Scheduler, w *world, _ *verdicts) {
		for i := range 40 {
			w.set(server(i), []func(context.Context) error{nil, refuses, silent, after(100 * time.Millisecond)}[i%4])
		}
		for range 500 {
			var ts []Target
			for _, x := range targets(40, nil) {
				if x.Check = checks[random.IntN(2)]; random.IntN(3) > 0 {
					ts = append(ts, x)
				}
			}
			s.Set(ts)
			time.Sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
		}
		last := targets(40, checks[1])
		s.Set(last)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		for i, x := range last {
			if got, want := s.Health(x.ID).State, []State{Up, Down, Down, Up}[i%4]; got != want {
				t.Errorf("server %d is %s, want %s", i, got, want)
			}
			spans := w.made(x.To)
			for j, x := range spans[1:] {
				if x.from.Before(spans[j].to) {
					t.Errorf("server %d: check %d overlaps the last", i, j+1)
				}
			}
		}
	})
}

// TestSetForReal changes targets while the kernel connects; the race detector looks on.
func TestSetForReal(t *testing.T) {
	lives, refuses, quiet := serveTCP(t, hold), refused(t, "tcp"), silentServer(t)
	k := &Check{Type: TCP, Interval: 10 * time.Millisecond, Timeout: 200 * time.Millisecond, Rise: 1, Fall: 2}
	var ts []Target
	for i := range 60 {
		ts = append(ts, Target{ID: ID{"web", server(i)}, To: netip.MustParseAddrPort([]string{lives, refuses, quiet}[i%3]), Check: k})
	}
	s := New(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var end sync.WaitGroup
	end.Go(func() { s.Run(ctx, func([]Verdict) {}) })
	for range 200 {
		rand.Shuffle(len(ts), func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
		s.Set(ts[:rand.IntN(len(ts))])
		s.Health(ts[0].ID)
		time.Sleep(time.Millisecond)
	}
	s.Set(ts)
	var wrong []string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		wrong = wrong[:0]
		for _, x := range ts {
			want := Down
			if x.To.String() == lives {
				want = Up
			}
			if got := s.Health(x.ID).State; got != want {
				wrong = append(wrong, fmt.Sprintf("%s is %s, want %s", x.To, got, want))
			}
		}
		if len(wrong) == 0 || time.Now().After(deadline) {
			break
		}
	}
	cancel()
	end.Wait()
	if len(wrong) > 0 {
		t.Error(strings.Join(wrong, "\n"))
	}
}

// TestSuspect takes a target for down that its checks find up: after Rise more passes it is up again, and a
// check that was under way does not count.
func TestSuspect(t *testing.T) {
	k := &Check{Type: TCP, Interval: 10 * time.Second, Rise: 2}
	simulate(t, Options{}, func(s *Scheduler, w *world, v *verdicts) {
		s.Set(targets(1, k))
		time.Sleep(21 * time.Second)
		synctest.Wait()
		s.Suspect("mail")
		s.Suspect("web")
		if h := s.Health(ID{"web", server(0)}); h.State != Down {
			t.Errorf("health is %+v, want down", h)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if h := s.Health(ID{"web", server(0)}); h.State != Down {
			t.Errorf("after one pass health is %+v, want down", h)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got, want := v.said(), []string{"192.0.0.0 down>up ", "192.0.0.0 unknown>up "}; !slices.Equal(got, want) {
			t.Errorf("verdicts are %q, want %q", got, want)
		}
	})
}
