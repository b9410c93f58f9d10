// Package beside makes calls beside each other, on all processors. Its callers stay pure: each call has its own place
// to put what it finds, so the result is the same however many there are.
package beside

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls do with 0 to n-1 and returns when all calls have. Calls begin in order and must not write what
// others read.
func Each(n int, do func(i int)) {
	Workers(n, func() func(int) { return do })
}

// Workers is Each for calls that share something: worker makes a function for each processor, whose calls come one
// after the other.
func Workers(n int, worker func() func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			do := worker()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	all.Wait()
}
