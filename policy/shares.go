package policy

import (
	"cmp"
	"slices"
)

// MaxSlots bounds the slots of one service's schedule, by the weights that are written
// (Service.MostSlots). Weights that need more are rounded.
const MaxSlots = 1024

// SlotsNeeded returns how many slots give each weight its exact share: sum/gcd. Weights of 0
// alone need none.
func SlotsNeeded(weights []int) int {
	sum, divisor := sumAndDivisor(weights)
	if sum == 0 {
		return 0
	}
	return sum / divisor
}

func sumAndDivisor(weights []int) (sum, divisor int) {
	for _, w := range weights {
		sum += w
		for a := w; a != 0; {
			divisor, a = a, divisor%a
		}
	}
	return sum, divisor
}

// Shares returns how many slots each weight gets: weight/gcd where that fits into most
// slots, else most slots dealt out by largest remainder, at least one for each.
func Shares(weights []int, most int) []int {
	sum, g := sumAndDivisor(weights)
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
