package policy

import (
	"math/big"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// checkBlocks applies the rules about pools whose sources get fixed blocks of ports.
func (c *checker) checkBlocks() {
	sources := make(map[*Pool][]inet.Range)
	for i := range c.Zones {
		if z := &c.Zones[i]; z.Laddrs != nil && z.Laddrs.Block > 0 && !c.partial.zone(i) {
			sources[z.Laddrs] = append(sources[z.Laddrs], z.From...)
		}
	}
	for i := range c.Laddrs {
		p := &c.Laddrs[i]
		if p.Block == 0 || c.partial.pool(i) {
			continue
		}
		c.checkEqualLaddrs(p)
		if p.blocksPerLaddr() == 0 {
			c.Fault(p.At("block"), "P14", Object{"pool", p.Name}, "write a smaller block or more ports",
				"a block of %d does not fit into the %d ports %s", p.Block, p.blockPorts().Len(), p.blockPorts())
			continue
		}
		for _, f := range inet.Families {
			for _, part := range p.parts() {
				c.checkEnoughBlocks(part, f, inet.Of(f, sources[p]))
			}
		}
	}
}

// parts returns the pool as each node has it; the pool itself where it is not divided.
func (p *Pool) parts() []*Pool {
	if len(p.Slices) == 0 {
		return []*Pool{p}
	}
	out := make([]*Pool, 0, len(p.Slices))
	for _, s := range p.Slices {
		part := *p
		part.Laddrs, part.Slices = s.Laddrs, nil
		out = append(out, &part)
	}
	return out
}

// checkEnoughBlocks reports a pool that has fewer blocks than its zones have sources.
// Where it has no laddr of the family at all, other rules speak.
func (c *checker) checkEnoughBlocks(p *Pool, f inet.Family, sources []inet.Range) {
	laddrs, need := total(p.blockLaddrs(f)), total(sources)
	perLaddr := big.NewInt(p.blocksPerLaddr())
	have := new(big.Int).Mul(laddrs, perLaddr)
	if laddrs.Sign() == 0 || need.Cmp(have) <= 0 {
		return
	}
	needed := new(big.Int).Add(need, perLaddr)
	needed.Sub(needed, big.NewInt(1)).Div(needed, perLaddr)
	c.Fault(p.At("block"), "P15", Object{"pool", p.Name}, "add laddrs, write a smaller block, or use the pool for fewer sources",
		"%d %s sources need a block of %d ports each; a laddr has %d blocks in the ports %s, so they need %d laddrs, but the pool has %d",
		need, f, p.Block, perLaddr, p.blockPorts(), needed, laddrs)
}

// checkEqualLaddrs reports what makes laddrs unequal, because blocks are counted off: a
// weight, or an address that is listed twice and would give each of its blocks to two sources.
func (c *checker) checkEqualLaddrs(p *Pool) {
	about := Object{"pool", p.Name}
	sorted := slices.Clone(p.Laddrs)
	slices.SortStableFunc(sorted, func(a, b Laddr) int { return a.Range.Compare(b.Range) })
	for i, a := range sorted {
		switch {
		case a.Weight != 1:
			c.Fault(a.Pos, "P16", about, "remove the weight", "with blocks, the laddr %s cannot have a weight: all laddrs have the same number of blocks", a.Range)
		case i > 0 && sorted[i-1].Range.Overlaps(a.Range):
			c.Fault(a.Pos, "P16", about, "write each address once", "with blocks, the laddrs %s and %s cannot overlap: two sources would share a block", sorted[i-1].Range, a.Range)
		}
	}
}
