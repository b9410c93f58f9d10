package lint

import "testing"

// TestApart: a message that says "33.4 % instead of 33.4 %" says nothing.
func TestApart(t *testing.T) {
	for _, c := range []struct {
		a, b float64
		x, y string
	}{
		{33.356, 33.398, "33.36", "33.4"},
		{0.0015, 0.0977, "0.0015", "0.0977"},
		{50, 50, "50", "50"},
	} {
		if x, y := apart(c.a, c.b); x != c.x || y != c.y {
			t.Errorf("apart(%v, %v) = %s, %s, want %s, %s", c.a, c.b, x, y, c.x, c.y)
		}
	}
}
