// Package soak tells tests how long they may run: in `make test` short, in `make soak` long.
package soak

import (
	"os"
	"strconv"
)

// Count returns how often a test does something: short, or long where SNATCTL_SOAK is 1. A share between
// 0 and 1 is that share of long, and at least short.
func Count(short, long int) int {
	share, err := strconv.ParseFloat(os.Getenv("SNATCTL_SOAK"), 64)
	if err != nil || share <= 0 {
		return short
	}
	return max(short, int(min(share, 1)*float64(long)))
}

// Long tells whether tests run longer than in `make test`.
func Long() bool { return Count(0, 1000) > 0 }
