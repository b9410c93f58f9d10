package view

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

// countMany returns "1 flow" or "2,000 flows", for what may be very many.
func countMany(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return comma(n) + " " + noun + "s"
}

// comma returns "2,000".
func comma(n uint64) string { return humanize.Comma(int64(n)) }

// size returns bytes as "2.0 KiB".
func size(n uint64) string { return humanize.IBytes(n) }

// percent returns a share as "12.5%", and "-" of nothing.
func percent(n, of uint64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(of))
}
