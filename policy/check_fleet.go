package policy

import (
	"cmp"
	"slices"
)

// checkFleet applies the rules about what nodes share and what each has of its own.
func (c *checker) checkFleet() {
	c.checkSections()
	c.checkAnnounce()
	if len(c.Nodes) == 0 {
		return
	}
	active := c.Fleet.Mode != ActiveBackup
	for i := range c.Laddrs {
		p := &c.Laddrs[i]
		switch {
		case len(p.Slices) == 0:
		case !active:
			c.Fault(p.At("nodes"), "F06", Object{"pool", p.Name}, "write addresses in place of nodes, or fleet: {mode: active-active}",
				"in active-backup all nodes have all laddrs, so that one can take over from another")
		default:
			c.checkEveryNode(p)
			if !c.partial.pool(i) {
				c.checkSliceFamilies(p)
			}
		}
	}
	if !active {
		return
	}
	c.checkOwnLaddrs()
	c.checkShared()
}

// checkSections holds the sections nodes and fleet, and divided pools, against each other.
func (c *checker) checkSections() {
	if len(c.Nodes) > 0 {
		return
	}
	if c.Fleet.Pos.Line != 0 {
		c.Fault(c.Fleet.Pos, "F07", Object{"fleet", ""}, "write the section nodes, or remove this one", "there are no nodes")
	}
	for i := range c.Laddrs {
		if p := &c.Laddrs[i]; len(p.Slices) > 0 {
			c.Fault(p.At("nodes"), "F07", Object{"pool", p.Name}, "define the nodes in the section nodes, or write addresses", "the policy has no nodes")
		}
	}
}

// checkEveryNode reports nodes that a divided pool does not speak of: a forgotten one would
// translate nothing, and nobody would have decided that.
func (c *checker) checkEveryNode(p *Pool) {
	for i := range c.Nodes {
		if n := &c.Nodes[i]; p.Slice(n.Name) == nil {
			c.Fault(p.At("nodes"), "F03", Object{"pool", p.Name}, "give it laddrs, or write "+n.Name+": none",
				"node %s has no laddrs", n.Name)
		}
	}
}

// checkSliceFamilies reports a node that lacks a family which others have.
func (c *checker) checkSliceFamilies(p *Pool) {
	have := c.poolFamilies(p)
	for i := range p.Slices {
		s := &p.Slices[i]
		if own := c.poolFamilies(&Pool{Laddrs: s.Laddrs}); !s.None && own != have {
			c.Fault(s.Pos, "F08", Object{"pool", p.Name}, "give every node laddrs of the same families, or none",
				"node %s has %s laddrs, and all nodes together %s ones", s.Node, own, have)
		}
	}
}

// checkOwnLaddrs reports addresses that two nodes have: answers would reach one of the two only. A
// node may have an address in two pools. The pieces are sorted by their start, and for each node it
// is known which of its pieces reaches farthest, as far as it can matter: the two farthest of
// different nodes.
func (c *checker) checkOwnLaddrs() {
	var pieces []piece
	for i := range c.Laddrs {
		p := &c.Laddrs[i]
		for j := range p.Slices {
			s := &p.Slices[j]
			for k := range s.Laddrs {
				pieces = append(pieces, piece{&s.Laddrs[k], s.Node, p})
			}
		}
	}
	slices.SortStableFunc(pieces, byAddress)
	var farthest, second *piece // of two nodes
	for i := range pieces {
		now := &pieces[i]
		for _, other := range []*piece{farthest, second} {
			if other != nil && other.node != now.node && other.laddr.Range.Overlaps(now.laddr.Range) {
				c.Fault(now.laddr.Pos, "F02", Object{"pool", now.pool.Name}, "give every node addresses of its own: answers reach one node only",
					"%s of node %s and %s of node %s (%s) overlap", now.laddr.Range, now.node, other.laddr.Range, other.node, other.laddr.Pos)
				break
			}
		}
		reaches := func(p *piece) bool {
			return p == nil || p.laddr.Range.To.Less(now.laddr.Range.To) || !p.laddr.Range.Overlaps(now.laddr.Range)
		}
		switch {
		case farthest != nil && farthest.node == now.node:
			if reaches(farthest) {
				farthest = now
			}
		case reaches(farthest):
			farthest, second = now, farthest
		case reaches(second):
			second = now
		}
	}
}

// checkShared reports what nodes that work at the same time cannot share.
func (c *checker) checkShared() {
	shares := func(p *Pool, at Pos, about Object) {
		switch {
		case p == nil || len(p.Slices) > 0:
		case p.Name == "":
			c.Fault(at, "F04", about, "define a pool in the section laddrs, with nodes", "all nodes share these laddrs, and answers to an address reach one node only")
		default:
			c.Fault(at, "F04", about, "divide the pool: laddrs: {"+p.Name+": {nodes: …}}, as `snatctl fleet split` prints it", "all nodes share pool %s, and answers to an address reach one node only", p.Name)
		}
	}
	for i := range c.Zones {
		z := &c.Zones[i]
		if z.Map.Family() != 0 {
			c.Fault(z.At("map"), "F04", Object{"zone", z.Name}, "use laddrs, or a pair: fleet: {mode: active-backup}", "all nodes share the addresses of the map, and answers reach one node only")
			continue
		}
		if !c.partial.zone(i) {
			shares(z.Laddrs, z.At("laddrs"), Object{"zone", z.Name})
			for _, l := range z.UplinkLaddrs {
				shares(l.Laddrs, l.Pos, Object{"zone", z.Name})
			}
		}
	}
	for i := range c.Services {
		s := &c.Services[i]
		if s.Mode == NAT {
			c.Fault(s.At("mode"), "F05", Object{"service", s.Name}, "write mode: fullnat with laddrs, or use a pair: fleet: {mode: active-backup}",
				"in active-active the answers of real servers may reach another node than the one that the client's packets reach, so mode nat loses connections")
			continue
		}
		if !c.partial.service(i) {
			shares(s.Laddrs, s.At("laddrs"), Object{"service", s.Name})
		}
	}
}

// byAddress sorts pieces of slices by their first address.
func byAddress(a, b piece) int {
	return cmp.Or(a.laddr.Range.From.Compare(b.laddr.Range.From), cmp.Compare(a.node, b.node))
}

// piece is an entry of a node's slice.
type piece struct {
	laddr *Laddr
	node  string
	pool  *Pool
}
