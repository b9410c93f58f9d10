package health

import (
	"context"
	"sync"
	"testing"
	"time"
)

// TestLate connects to 2,000 servers every 2 s and looks how late checks begin, beside how long a
// sleep of 1 ms takes on this machine now.
func TestLate(t *testing.T) {
	const interval = 2 * time.Second
	lives := serveTCP(t, hold)
	var late time.Duration
	count := 0
	s := New(Options{Observe: func(o Observation) {
		late, count = max(late, o.Late), count+1
	}})
	ts := targets(2000, &Check{Type: TCP, Interval: interval, Timeout: time.Second})
	for i := range ts {
		ts[i].To = addrPort(lives)
	}
	s.Set(ts)
	ctx, cancel := context.WithTimeout(t.Context(), 2*interval)
	defer cancel()
	var slept time.Duration
	var end sync.WaitGroup
	end.Go(func() {
		for ctx.Err() == nil {
			begin := time.Now()
			time.Sleep(time.Millisecond)
			slept = max(slept, time.Since(begin))
		}
	})
	s.Run(ctx, func([]Verdict) {})
	end.Wait()
	t.Logf("%d checks, the latest began %s late; a sleep of 1 ms took up to %s", count, late, slept)
	if late > interval+slept {
		t.Errorf("a check began %s late, its interval is %s", late, interval)
	}
}
