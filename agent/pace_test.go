package agent

import (
	"testing"
	"time"
)

// Drift is repaired at once, and later each time while somebody fights; peace makes it quick again.
func TestPace(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var p pace
	for i, c := range []struct{ after, waits time.Duration }{
		{0, 0},
		{time.Second, time.Second},
		{time.Second, 2 * time.Second},
		{time.Second, 4 * time.Second},
		{9 * time.Second, 8 * time.Second},
		{15 * time.Second, 16 * time.Second},
		{time.Second, 32 * time.Second},
		{time.Second, time.Minute},
		{time.Minute, time.Minute},
		{2*time.Minute + time.Second, 0},
		{11 * time.Second, 0},
		{9 * time.Second, time.Second},
	} {
		now = now.Add(c.after)
		at := p.found(now)
		if got := at.Sub(now); got != c.waits {
			t.Errorf("%d: drift %v after a repair waits %v, want %v", i, c.after, got, c.waits)
		}
		now = at
		p.repaired = now
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var r retry
	if r.due(now) {
		t.Error("nothing has failed, and it is tried again")
	}
	for i, want := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
		r.failed(now)
		if r.due(now.Add(want*time.Second-1)) || !r.due(now.Add(want*time.Second)) {
			t.Errorf("failure %d is not tried again after %d s: %v", i, want, r.at.Sub(now))
		}
	}
}

// One look that took long, as on a busy machine, does not blind the agent for a minute.
func TestBesideAfter(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		time.Millisecond:       time.Second,
		20 * time.Millisecond:  4 * time.Second,
		400 * time.Millisecond: 10 * time.Second,
	} {
		if got := besideAfter(took); got != want {
			t.Errorf("after a look of %v the next comes after %v, want %v", took, got, want)
		}
	}
}
