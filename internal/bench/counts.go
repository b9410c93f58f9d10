package main

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/internal/sample"
)

const maxChains = 4000

// counts compares how many chains and rules policies of two sizes make.
func (b *bench) counts(ctx context.Context) error {
	for _, c := range []struct {
		what  string
		sizes [2]int
		make  func(int) []byte
	}{
		{"services", b.size.countServices, func(n int) []byte { return sample.Services(n, b.size.servers) }},
		{"zones", b.size.countZones, sample.Zones},
	} {
		var chains, rules [2]int
		for i, n := range c.sizes {
			want, err := compiled(c.make(n))
			if err != nil {
				return err
			}
			r := want.Ruleset()
			chains[i] = len(r.Chains)
			rules[i], _ = r.Count()
		}
		b.add(row{
			what:   fmt.Sprintf("chains, rules at %d %s", c.sizes[1], c.what),
			ours:   fmt.Sprintf("%d, %d", chains[1], rules[1]),
			theirs: fmt.Sprintf("at %d: %d, %d", c.sizes[0], chains[0], rules[0]),
			need:   fmt.Sprintf("the same, chains <= %d", maxChains),
			ok:     chains[0] == chains[1] && rules[0] == rules[1] && chains[1] <= maxChains,
		})
	}
	return ctx.Err()
}
