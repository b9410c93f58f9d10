package main

import (
	"fmt"

	"github.com/dustin/go-humanize"
)

func comma(n uint64) string { return humanize.Comma(int64(n)) }

func size(n uint64) string { return humanize.IBytes(n) }

func count64(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return comma(n) + " " + noun + "s"
}

func percent(n, of uint64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(of))
}
