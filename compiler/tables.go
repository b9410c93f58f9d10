package compiler

import (
	"cmp"
	"hash/fnv"
	"slices"

	"github.com/snatctl/snatctl/policy"
)

// interleave lays out turns by smooth weighted round robin (as nginx does): in every run of
// sum(counts) turns each i comes counts[i] times, as evenly spaced as can be. With equal
// counts it is plain turn-taking in order.
func interleave(counts []int) []int {
	sum := 0
	for _, c := range counts {
		sum += c
	}
	if sum*len(counts) > 1<<24 {
		return spaced(counts, sum)
	}
	turns := make([]int, 0, sum)
	current := make([]int, len(counts))
	for range sum {
		best := -1
		for i, c := range counts {
			if current[i] += c; c > 0 && (best < 0 || current[i] > current[best]) {
				best = i
			}
		}
		current[best] -= sum
		turns = append(turns, best)
	}
	return turns
}

// spaced lays out turns for long lists, in less than the square of their length: each i is
// placed at even distances, half a distance from the start.
func spaced(counts []int, sum int) []int {
	type turn struct {
		at float64
		i  int
	}
	turns := make([]turn, 0, sum)
	for i, c := range counts {
		for k := range c {
			turns = append(turns, turn{(float64(k) + 0.5) / float64(c), i})
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	out := make([]int, len(turns))
	for n, t := range turns {
		out[n] = t.i
	}
	return out
}

// Maglev tables have a prime number of slots. A longer table moves fewer clients when a
// server goes (Eisenbud et al., Maglev, NSDI 2016, sections 3.4 and 5.3), but a change of
// size moves nearly all, so there are only two sizes.
const (
	maglevSlots     = 1021
	maglevMany      = 40 // servers; more of them take maglevManySlots
	maglevManySlots = 4093
)

func maglevSize(servers int) int {
	if servers > maglevMany {
		return maglevManySlots
	}
	return maglevSlots
}

// maglev fills a table of size slots: each server goes through a permutation of the slots
// of its own, which depends on its name alone, and takes its next free one when it is its
// turn. Turns come by weight. The result holds indexes of servers.
func maglev(names []string, counts []int, size int) []int {
	type walk struct{ at, skip uint64 }
	walks := make([]walk, len(names))
	for i, n := range names {
		walks[i] = walk{hash64(n, "offset") % uint64(size), hash64(n, "skip")%uint64(size-1) + 1}
	}
	table := make([]int, size)
	for i := range table {
		table[i] = -1
	}
	turns := interleave(counts)
	for n := range size {
		i := turns[n%len(turns)]
		for table[walks[i].at] >= 0 {
			walks[i].at = (walks[i].at + walks[i].skip) % uint64(size)
		}
		table[walks[i].at] = i
	}
	return table
}

func hash64(name, salt string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(salt))
	h.Write([]byte{0})
	h.Write([]byte(name))
	x := h.Sum64() // FNV's low bits follow the last character; mix them (splitmix64)
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// pick returns the real servers at the given indexes.
func pick(servers []policy.RealServer, indexes []int) []policy.RealServer {
	out := make([]policy.RealServer, len(indexes))
	for n, i := range indexes {
		out[n] = servers[i]
	}
	return out
}
