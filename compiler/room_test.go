package compiler

import "testing"

// A set that is declared with a size has room for half as many elements again, and not for more than three
// times as many.
func TestSizes(t *testing.T) {
	for n := range 300_000 {
		size := int(sizeFor(n))
		if n < sizedFrom {
			if size != 0 {
				t.Fatalf("%d elements: size %d, want none", n, size)
			}
			continue
		}
		if size < n*3/2 || size > n*3 {
			t.Fatalf("%d elements: size %d", n, size)
		}
		if buckets := size / 3 * 4; buckets&(buckets-1) != 0 {
			t.Fatalf("%d elements: size %d is not three quarters of a power of two", n, size)
		}
	}
}
