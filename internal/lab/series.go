package lab

import (
	"fmt"
	"slices"
)

// Series is what rounds measured, in the order of the rounds.
type Series []float64

// Median returns the middle one, or the mean of the two in the middle; 0 where there is none.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	t := slices.Sorted(slices.Values(s))
	return (t[(len(t)-1)/2] + t[len(t)/2]) / 2
}

// Over divides round by round; o has as many rounds.
func (s Series) Over(o Series) Series {
	out := make(Series, len(s))
	for i := range s {
		out[i] = s[i] / o[i]
	}
	return out
}

// Less subtracts what another series measured in the same rounds.
func (s Series) Less(o Series) Series {
	out := make(Series, len(s))
	for i := range s {
		out[i] = s[i] - o[i]
	}
	return out
}

// Seconds prints a median time.
func (s Series) Seconds() string {
	m := s.Median()
	switch {
	case m < 0.0001:
		return fmt.Sprintf("%.2f us", m*1e6)
	case m < 0.01:
		return fmt.Sprintf("%.2f ms", m*1e3)
	case m < 1:
		return fmt.Sprintf("%.0f ms", m*1e3)
	}
	return fmt.Sprintf("%.2f s", m)
}

// Count prints a median number.
func (s Series) Count() string { return fmt.Sprintf("%.0f", s.Median()) }

// Megabytes prints a median size in bytes.
func (s Series) Megabytes() string { return fmt.Sprintf("%.0f MB", s.Median()/1e6) }

// Rate prints a median number a second.
func (s Series) Rate() string { return fmt.Sprintf("%.0f/s", s.Median()) }
