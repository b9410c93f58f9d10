package compiler

import (
	"cmp"
	"slices"
)

// maxSlots bounds the schedule table of one service.
const maxSlots = 1024

// shares returns how many slots each weight gets: weight/gcd where that fits into most
// slots, else most slots dealt out by largest remainder, at least one for each.
func shares(weights []int, most int) []int {
	sum, g := 0, 0
	for _, w := range weights {
		sum += w
		g = gcd(g, w)
	}
	out := make([]int, len(weights))
	if sum == 0 {
		return out
	}
	if sum/g <= most {
		for i, w := range weights {
			out[i] = w / g
		}
		return out
	}
	order := make([]int, len(weights))
	left := most
	for i, w := range weights {
		order[i] = i
		out[i] = max(1, w*most/sum)
		left -= out[i]
	}
	remainder := func(i int) int { return weights[i]*most - out[i]*sum }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainder(b), remainder(a)) })
	for n := 0; left > 0; n, left = n+1, left-1 {
		out[order[n%len(order)]]++
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
