package lint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// TestTwoPoolsAgainstAllPairs holds the walk along the laddrs against a comparison of each
// with each: something is found if two pools share an address, and only then.
func TestTwoPoolsAgainstAllPairs(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	found := 0
	for range 500 {
		var b strings.Builder
		b.WriteString("version: 1\nladdrs:\n")
		for i := range 2 + rnd.IntN(4) {
			fmt.Fprintf(&b, "  p%d: [", i)
			for range 1 + rnd.IntN(3) {
				base, first := []string{"20.0.0.%d", "2a0e::%x"}[rnd.IntN(2)], rnd.IntN(120)
				fmt.Fprintf(&b, "%q, ", fmt.Sprintf(base+"-"+base, first, first+rnd.IntN(8)))
			}
			b.WriteString("]\n")
		}
		p, ds := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(b.String())}})
		if p == nil {
			t.Fatal(ds)
		}
		got := strings.Contains(fmt.Sprint(codes(Check(p))), "P02")
		if want := shareAddress(p.Laddrs); got != want {
			t.Fatalf("found %v, want %v in\n%s", got, want, b.String())
		}
		if got {
			found++
		}
	}
	if found < 50 || found > 450 {
		t.Errorf("%d of 500 policies had a shared address: the test looks at one case only", found)
	}
}

// shareAddress compares all laddrs of different pools.
func shareAddress(pools []policy.Pool) bool {
	for i, p := range pools {
		for _, q := range pools[:i] {
			for _, a := range p.Laddrs {
				for _, b := range q.Laddrs {
					if a.Range.Overlaps(b.Range) {
						return true
					}
				}
			}
		}
	}
	return false
}
