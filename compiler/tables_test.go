package compiler

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

// In every run of sum(weights) turns each gets exactly its weight, wherever the run starts,
// and turns are spaced evenly.
func TestInterleave(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		counts := make([]int, 1+random.IntN(8))
		sum := 0
		for i := range counts {
			counts[i] = random.IntN(6)
			sum += counts[i]
		}
		turns := interleave(counts)
		got := make([]int, len(counts))
		last := make([]int, len(counts))
		for n, i := range append(turns, turns...) { // the table is walked round and round
			if got[i]++; n < len(turns) {
				last[i] = n
				continue
			}
			if gap := n - last[i]; counts[i] > 0 && gap > 2*(sum+counts[i]-1)/counts[i] {
				t.Errorf("of %v number %d waits %d turns: %v", counts, i, gap, turns)
			}
			last[i] = n
		}
		for i := range got {
			if got[i] != 2*counts[i] {
				t.Errorf("of %v number %d gets %d turns in two rounds: %v", counts, i, got[i], turns)
			}
		}
		if len(turns) != sum {
			t.Errorf("%v take %d turns, want %d", counts, len(turns), sum)
		}
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct{ weights, want []int }{
		{nil, []int{}},
		{[]int{0, 0}, []int{0, 0}},
		{[]int{6, 3, 9}, []int{2, 1, 3}},
		{[]int{5, 0}, []int{1, 0}},
		{[]int{65535, 1}, []int{7, 1}},
		{[]int{3, 3, 3}, []int{1, 1, 1}},
		{[]int{50, 30, 21}, []int{4, 2, 2}},
	} {
		if got := policy.Shares(c.weights, 8); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("the shares of %v in 8 slots are %v, want %v", c.weights, got, c.want)
		}
	}
}

// Maglev gives every server its share of the slots, and losing one moves few of the others'.
func TestMaglev(t *testing.T) {
	var names []string
	var counts []int
	for i := range 10 {
		names = append(names, fmt.Sprintf("192.168.1.%d", i))
		counts = append(counts, 1)
	}
	size := maglevSize(len(names))
	count := func(table []int) []int {
		out := make([]int, len(names))
		for _, i := range table {
			out[i]++
		}
		return out
	}
	before := maglev(names, counts, size)
	for i, n := range count(before) {
		if n < size/len(names) || n > size/len(names)+1 {
			t.Errorf("server %d of %d has %d of %d slots", i, len(names), n, size)
		}
	}
	after := maglev(names[:9], counts[:9], size)
	moved := 0
	for slot, i := range before {
		if i != 9 && after[slot] != i {
			moved++
		}
	}
	if most := size / 10; moved > most {
		t.Errorf("losing one of ten servers moves %d of the others' %d slots, want at most %d", moved, size*9/10, most)
	}
	counts[3] = 3
	if n := count(maglev(names, counts, size))[3]; n < 3*size/12-1 || n > 3*size/12+1 {
		t.Errorf("a server with 3 shares of 12 has %d of %d slots", n, size)
	}
}

// Table sizes are primes, so that every skip reaches every slot.
func TestMaglevSizesArePrimes(t *testing.T) {
	for _, n := range []int{maglevSlots, maglevManySlots} {
		for d := 2; d*d <= n; d++ {
			if n%d == 0 {
				t.Errorf("%d is divided by %d", n, d)
			}
		}
	}
}

// Losing one of five servers moves few clients of the other four: under three in a hundred of
// ten thousand sources, hashed as the kernel hashes them.
func TestMaglevMovesFewClients(t *testing.T) {
	names := []string{"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80", "10.0.0.5:80"}
	slot := func(source, size int) int {
		a := netip.AddrFrom4([4]byte{10, 7, byte(source >> 8), byte(source)}).As4()
		return int(uint64(jhash(a[:], hashSeed)) * uint64(size) >> 32)
	}
	size := maglevSize(len(names))
	before := maglev(names, []int{1, 1, 1, 1, 1}, size)
	for lost := range names {
		left := slices.Delete(slices.Clone(names), lost, lost+1)
		after := maglev(left, []int{1, 1, 1, 1}, maglevSize(len(left)))
		moved, stayed := 0, 0
		for source := range 10000 {
			was := names[before[slot(source, size)]]
			if was == names[lost] {
				continue
			}
			stayed++
			if left[after[slot(source, size)]] != was {
				moved++
			}
		}
		if moved*100 >= 3*stayed {
			t.Errorf("losing %s moves %d of the others' %d clients", names[lost], moved, stayed)
		}
	}
}
