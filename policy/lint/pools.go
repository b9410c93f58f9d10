package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// owned is a pool and the object that it belongs to.
type owned struct {
	*policy.Pool
	object string // "pool office"; of one written in line "zone mail" or "service dns"
}

// ranges returns the pool's addresses of both families.
func (o owned) ranges() []inet.Range {
	out := make([]inet.Range, len(o.Laddrs))
	for i, l := range o.Laddrs {
		out[i] = l.Range
	}
	return out
}

// pools returns all pools: those with names, then those in line.
func (r *run) pools() []owned {
	var out []owned
	for i := range r.Laddrs {
		out = append(out, owned{&r.Laddrs[i], "pool " + r.Laddrs[i].Name})
	}
	r.eachZone(func(z *policy.Zone, object string) {
		for _, p := range z.Pools() {
			if p.Name == "" {
				out = append(out, owned{p, object})
			}
		}
	})
	r.eachService(func(s *policy.Service, object string) {
		if s.Laddrs != nil && s.Laddrs.Name == "" {
			out = append(out, owned{s.Laddrs, object})
		}
	})
	return out
}

// given returns all that the gateway translates sources to: pools and the prefixes of maps.
func (r *run) given() []owned {
	out := r.pools()
	r.eachZone(func(z *policy.Zone, object string) {
		if z.Map.Family() != 0 {
			to := policy.Laddr{Pos: z.At("map"), Range: z.Map, Weight: 1}
			out = append(out, owned{&policy.Pool{Laddrs: []policy.Laddr{to}}, "the map of " + object})
		}
	})
	return out
}

// member is one laddr of one of many pools.
type member struct {
	policy.Laddr
	pool int
}

// inTwoPools walks the laddrs in the order of their addresses. Of those behind it, it knows
// the one that reaches farthest and the one of another pool that does.
func inTwoPools(r *run) {
	pools := r.given()
	var members []member
	for i, p := range pools {
		for _, l := range p.Laddrs {
			members = append(members, member{l, i})
		}
	}
	slices.SortStableFunc(members, func(a, b member) int { return a.Range.Compare(b.Range) })
	reported := make([]bool, len(pools))
	var far, other member
	for _, c := range members {
		before := far
		if before.pool == c.pool {
			before = other
		}
		if before.Range.Overlaps(c.Range) {
			r.twoPools(pools, reported, before, c)
		}
		switch {
		case far.Range.Family() != c.Range.Family():
			far, other = c, member{}
		case !c.Range.To.Less(far.Range.To):
			if far.pool != c.pool {
				other = far
			}
			far = c
		case c.pool != far.pool && (other.Range.Family() == 0 || other.Range.To.Less(c.Range.To)):
			other = c
		}
	}
}

// twoPools reports a laddr of two pools at the pool that comes later, once for a pool.
func (r *run) twoPools(pools []owned, reported []bool, a, b member) {
	if b.pool < a.pool {
		a, b = b, a
	}
	if reported[b.pool] {
		return
	}
	reported[b.pool] = true
	shared := common(a.Range, b.Range)
	r.find(b.Pos, pools[b.pool].object, "remove "+shared.String()+" from one of the two; if a zone and a service share it on purpose, say so with an ignore",
		"%s also belongs to %s (%s): the address no longer tells which of the two a connection belongs to", shared, pools[a.pool].object, a.Pos)
}

func networkAddress(r *run) {
	for _, p := range r.pools() {
		for _, l := range p.Laddrs {
			prefix, ok := l.Range.Prefix()
			if !ok || !l.Prefix || !prefix.Addr().Is4() || prefix.Bits() > 30 || l.Weight == 0 {
				continue
			}
			r.find(l.Pos, p.object, fmt.Sprintf("write %s-%s; if the prefix is routed to this machine all its addresses can be used: say so with an ignore", l.Range.From.Next(), l.Range.To.Prev()),
				"%s and %s are the network and the broadcast address of %s: on a link with this subnet, no answer reaches them", l.Range.From, l.Range.To, prefix)
			break
		}
	}
}

func unusedPool(r *run) {
	used := make(map[*policy.Pool]bool)
	for i := range r.Zones {
		for _, p := range r.Zones[i].Pools() {
			used[p] = true
		}
	}
	for i := range r.Services {
		used[r.Services[i].Laddrs] = true
	}
	for i := range r.Laddrs {
		if p := &r.Laddrs[i]; !used[p] {
			r.find(p.Pos, "pool "+p.Name, "name it in a zone or service, or remove it", "no zone and no service uses it")
		}
	}
}

// fewPorts is how many ports of a laddr are few: a browser opens dozens of connections.
const fewPorts = 1000

func smallPortRange(r *run) {
	for i := range r.Laddrs {
		p := &r.Laddrs[i]
		if n := p.Ports.Len(); !p.Ports.IsZero() && n < fewPorts {
			r.find(p.At("ports"), "pool "+p.Name, "write a wider range, such as ports: 1024-65535",
				"%d ports per laddr: after that many connections of all its clients to one destination and port, new ones fail, and nobody is told", n)
		}
	}
}

func randomPorts(r *run) {
	for i := range r.Laddrs {
		if p := &r.Laddrs[i]; p.Random {
			r.find(p.At("random"), "pool "+p.Name, "remove random, unless guessed ports are the greater danger: then say so with an ignore",
				"with random ports, every destination sees a client at another port: calls and games between peers fail (RFC 4787, REQ-1)")
		}
	}
}

// addresses counts the addresses that new connections may get, to two.
func addresses(p *policy.Pool) (n uint64, first netip.Addr) {
	for _, f := range inet.Families {
		for _, rg := range p.Ranges(f) {
			if n == 0 {
				first = rg.From
			}
			n += rg.Count()
			if n > 1 {
				return 2, first
			}
		}
	}
	return n, first
}

func poolOfOne(r *run) {
	for _, p := range r.pools() {
		if n, a := addresses(p.Pool); n == 1 {
			r.find(p.Laddrs[0].Pos, p.object, "add another address", "%s is its only laddr: when somebody blocks it, everybody behind it is blocked", a)
		}
	}
}

func manyFaces(r *run) {
	r.eachZone(func(z *policy.Zone, object string) {
		if z.Select != policy.SelectSource && slices.ContainsFunc(z.Pools(), func(p *policy.Pool) bool { n, _ := addresses(p); return n > 1 }) {
			r.find(z.At("select"), object, "write select: source, or leave it out",
				"with select: %s, connections of one client leave with several addresses: logins tied to an address, and calls between peers, break (RFC 4787, REQ-2)", z.Select)
		}
	})
}
