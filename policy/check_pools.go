package policy

import (
	"net/netip"
	"slices"
	"sort"

	"github.com/snatctl/snatctl/inet"
)

// checkPools applies the rules about pools, and about laddrs, VIPs and real servers as
// addresses.
func (c *checker) checkPools() {
	owned := c.ownedLaddrs()
	for _, o := range owned {
		if what := unusable(o.laddr.Range); what != "" {
			c.Fault(o.laddr.Pos, "P04", o.about, "write addresses that are routed to this machine", "the laddr %s %s", o.laddr.Range, what)
		}
	}
	c.checkBlocks()
	c.checkLaddrsAlone(owned)
}

// owned is a laddr and who it belongs to.
type owned struct {
	laddr *Laddr
	about Object
}

// ownedLaddrs returns the laddrs of all pools, named or in line, and the prefixes that
// zones are mapped to.
func (c *checker) ownedLaddrs() []owned {
	var out []owned
	add := func(p *Pool, about Object) {
		for i := range p.Laddrs {
			out = append(out, owned{&p.Laddrs[i], about})
		}
	}
	p := c.Policy
	for i := range p.Laddrs {
		add(&p.Laddrs[i], Object{"pool", p.Laddrs[i].Name})
	}
	for i := range p.Zones {
		z := &p.Zones[i]
		for _, pool := range z.Pools() {
			if pool.Name == "" {
				add(pool, Object{"zone", z.Name})
			}
		}
		if z.Map.Family() != 0 {
			out = append(out, owned{&Laddr{Pos: z.At("map"), Range: z.Map, Weight: 1}, Object{"zone", z.Name}})
		}
	}
	for i := range p.Services {
		s := &p.Services[i]
		if s.Laddrs != nil && s.Laddrs.Name == "" {
			add(s.Laddrs, Object{"service", s.Name})
		}
	}
	return out
}

// checkLaddrsAlone reports laddrs that are also a VIP or a real server, once each. The
// laddrs are sorted by their start, and each knows which of those before it reaches
// farthest: that one holds an address if any does.
func (c *checker) checkLaddrsAlone(laddrs []owned) {
	if len(laddrs) == 0 {
		return
	}
	slices.SortStableFunc(laddrs, func(a, b owned) int { return a.laddr.Range.From.Compare(b.laddr.Range.From) })
	farthest := make([]int, len(laddrs))
	for i := 1; i < len(laddrs); i++ {
		farthest[i] = farthest[i-1]
		if laddrs[farthest[i]].laddr.Range.To.Less(laddrs[i].laddr.Range.To) {
			farthest[i] = i
		}
	}
	reported := make([]bool, len(laddrs))
	look := func(a netip.Addr, what string, s *Service, at Pos) {
		i := sort.Search(len(laddrs), func(i int) bool { return a.Less(laddrs[i].laddr.Range.From) })
		if i == 0 {
			return
		}
		f := farthest[i-1]
		o := laddrs[f]
		if !o.laddr.Range.Contains(a) || reported[f] {
			return
		}
		reported[f] = true
		laddr := a.String()
		if !o.laddr.Range.Single() {
			laddr = o.laddr.Range.String() + " contains " + laddr + ", which"
		}
		c.Fault(o.laddr.Pos, "P01", o.about, "laddrs are only for translated sources: remove "+a.String(),
			"the laddr %s is %s of service %s (%s)", laddr, what, s.Name, at)
	}
	for i := range c.Services {
		s := &c.Services[i]
		for _, vip := range s.VIP {
			look(vip, "a VIP"+s.ofInterface(vip), s, s.At("vip"))
		}
		for _, l := range s.servers() {
			for j := range l.list {
				look(l.list[j].Addr, "a "+l.what, s, l.list[j].Pos)
			}
		}
	}
}

var reserved = []struct {
	inet.Range
	what string
}{
	{inet.MustRange("0.0.0.0"), "is unspecified"},
	{inet.MustRange("127.0.0.0/8"), "is loopback"},
	{inet.MustRange("169.254.0.0/16"), "is link-local"},
	{inet.MustRange("224.0.0.0/4"), "is multicast"},
	{inet.MustRange("255.255.255.255"), "is the broadcast address"},
	{inet.MustRange("::"), "is unspecified"},
	{inet.MustRange("::1"), "is loopback"},
	{inet.MustRange("fe80::/10"), "is link-local"},
	{inet.MustRange("ff00::/8"), "is multicast"},
}

// unusable says why no packet may carry an address of r, and nothing where it may.
func unusable(r inet.Range) string {
	if r.Single() {
		a := r.From
		if !a.IsUnspecified() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && a != reserved[4].From {
			return ""
		}
	}
	for _, bad := range reserved {
		switch {
		case bad.Covers(r):
			return bad.what
		case bad.Overlaps(r):
			return "contains " + bad.String() + ", which " + bad.what
		}
	}
	return ""
}
