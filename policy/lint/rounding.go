package lint

import (
	"fmt"
	"math"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// roundedShares finds services whose weights need more slots than a schedule has. Maglev's
// table is of a fixed length and always rounds, by less than a slot.
func roundedShares(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		if s.Scheduler == policy.RoundRobin || s.Scheduler == policy.Maglev {
			return
		}
		for _, f := range inet.Families {
			active := s.Active(f)
			weights, sum := make([]int, len(active)), 0
			for i, rs := range active {
				weights[i] = rs.Weight
				sum += rs.Weight
			}
			need := policy.SlotsNeeded(weights)
			if need <= policy.MaxSlots {
				continue
			}
			worst, share, got := farthest(weights, sum)
			wanted, given := apart(100*share, 100*got)
			r.find(active[worst].Pos, object, "write smaller weights: only their ratio matters",
				"the weights need %d slots and a schedule has %d, so shares are rounded; most of all that of %s, which gets %s %% of new connections instead of %s %%",
				need, policy.MaxSlots, active[worst], given, wanted)
			return
		}
	})
}

// farthest returns which of the weights gets another share than it asks for, most of all by
// ratio, and both shares.
func farthest(weights []int, sum int) (worst int, wanted, given float64) {
	slots := policy.Shares(weights, policy.MaxSlots)
	total := 0
	for _, n := range slots {
		total += n
	}
	off := -1.0
	for i, w := range weights {
		want, give := float64(w)/float64(sum), float64(slots[i])/float64(total)
		if by := math.Abs(give-want) / want; by > off {
			off, worst, wanted, given = by, i, want, give
		}
	}
	return worst, wanted, given
}

// apart writes two numbers that differ with as many digits as it takes to see that, three at
// least.
func apart(a, b float64) (string, string) {
	const most = 17 // that many tell any two apart
	for digits := 3; ; digits++ {
		x, y := fmt.Sprintf("%.*g", digits, a), fmt.Sprintf("%.*g", digits, b)
		if x != y || digits == most {
			return x, y
		}
	}
}
