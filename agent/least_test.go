package agent

import (
	"runtime"
	"testing"
	"time"
)

// Counting takes a part of a processor's time, and goes on where it only waited for one.
func TestCountPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ lasted, busy, want time.Duration }{
		{10 * time.Millisecond, 5 * time.Millisecond, 240 * time.Millisecond},
		{400 * time.Millisecond, 390 * time.Millisecond, 1560 * time.Millisecond},
		{400 * time.Millisecond, 20 * time.Millisecond, 80 * time.Millisecond},
	} {
		if got := countPause(c.lasted, c.busy); got != c.want {
			t.Errorf("after %v, of which %v on a processor, it rests for %v, not %v", c.lasted, c.busy, got, c.want)
		}
	}
}

// The time of a thread is what it did, not what it waited.
func TestThreadTime(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
	}
	worked := threadTime()
	if worked <= start {
		t.Errorf("work takes from %v to %v", start, worked)
	}
}
