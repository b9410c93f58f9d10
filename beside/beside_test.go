package beside

import (
	"sync/atomic"
	"testing"
)

// Every index is called once, whatever the number of processors, and a worker's calls do not meet.
func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 1000} {
		calls := make([]int, n)
		Each(n, func(i int) { calls[i]++ })
		for i, c := range calls {
			if c != 1 {
				t.Errorf("of %d: %d is called %d times", n, i, c)
			}
		}
	}
	var workers, sum atomic.Int64
	Workers(1000, func() func(int) {
		workers.Add(1)
		own, busy := 0, false
		return func(i int) {
			if busy {
				t.Error("two calls of a worker meet")
			}
			busy = true
			own += i
			sum.Add(int64(i))
			busy = false
		}
	})
	if sum.Load() != 999*1000/2 || workers.Load() == 0 {
		t.Errorf("%d workers have the sum %d", workers.Load(), sum.Load())
	}
}
