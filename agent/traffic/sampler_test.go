package traffic

import (
	"slices"
	"testing"
)

// Somebody hears of events that were lost, once of each, also after nobody has looked for a while.
func TestLost(t *testing.T) {
	var heard []uint64
	s := New(Options{Lost: func(n uint64) { heard = append(heard, n) }})
	for i, lost := range []uint64{0, 5, 5, 12} {
		f := figuresOf(i, "web", 1)
		f.Events.Lost = lost
		s.enter(f)
		s.forget()
	}
	if !slices.Equal(heard, []uint64{5, 7}) {
		t.Errorf("it hears %v", heard)
	}
	New(Options{}).enter(figuresOf(0, "web", 1))
}
