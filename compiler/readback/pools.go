package readback

import (
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Pool collects a pool, or what one zone or service has of it, from all elements that name it.
type Pool struct {
	ct.Pool
	Drained []inet.Range // laddrs that only flows have; of pools with names
	lists   []string     // names of the maps that hold its laddrs, those that were read
}

// listedPool is what the map of a pool's chain says.
type listedPool struct {
	laddrs []inet.Range
	ports  inet.PortRange
}

// enterNamed enters an element into the pool with a name; there is none written in line.
func (rd *reading) enterNamed(name string, s *nft.Set, e *nft.Element) {
	if name == "" || rd.flows {
		return
	}
	p := rd.named[name]
	if p == nil {
		p = &Pool{Pool: ct.Pool{Name: name}}
		rd.named[name] = p
	}
	p.enter(rd, s, e)
}

// finishNamed returns the pools with names, with all that maps of their own hold.
func (rd *reading) finishNamed() map[string]*Pool {
	for _, s := range rd.table.Sets {
		n := rd.names[s]
		if p := rd.named[n.Object.Name]; p != nil && n.Kind == layout.Pool && n.Object.Of == layout.OfPool {
			p.list(rd, s.Name)
		}
	}
	for name, p := range rd.named {
		p.Laddrs = inet.Merge(p.Laddrs)
		p.Drained = inet.Merge(rd.drained[layout.Object{Of: layout.OfPool, Name: name}])
	}
	return rd.named
}

// readDrained gives zones and services the laddrs, written in line, that only flows have.
func (rd *reading) readDrained() {
	for of, ranges := range rd.drained {
		switch of.Of {
		case layout.OfZone:
			if z := rd.zones[of.Name]; z != nil {
				z.Drained = inet.Merge(ranges)
			}
		case layout.OfService:
			if sv := rd.services[of.Name]; sv != nil {
				sv.Drained = inet.Merge(ranges)
			}
		}
	}
}

// poolNamed returns one of some pools, making it on first use.
func poolNamed(pools *[]*Pool, name string) *Pool {
	for _, p := range *pools {
		if p.Name == name {
			return p
		}
	}
	p := &Pool{Pool: ct.Pool{Name: name}}
	*pools = append(*pools, p)
	return p
}

// enter adds what one element translates to: a range that is its data, or the addresses that
// a chain chooses from.
func (p *Pool) enter(rd *reading, s *nft.Set, e *nft.Element) {
	if s.Data == nft.VerdictData {
		p.list(rd, e.Verdict.Chain)
		return
	}
	addrs, ports, ok := dataRange(s, e)
	if !ok {
		return
	}
	if n := len(p.Laddrs); n == 0 || p.Laddrs[n-1] != addrs {
		p.Laddrs = append(p.Laddrs, addrs)
	}
	p.bind(ports)
}

// list adds what the map of a chain has, once.
func (p *Pool) list(rd *reading, name string) {
	if slices.Contains(p.lists, name) {
		return
	}
	p.lists = append(p.lists, name)
	l := rd.listed(name)
	p.Laddrs = append(p.Laddrs, l.laddrs...)
	p.bind(l.ports)
}

// bind widens the ports that the pool uses.
func (p *Pool) bind(ports inet.PortRange) {
	switch {
	case ports.IsZero():
	case p.Ports.IsZero():
		p.Ports = ports
	default:
		p.Ports = inet.PortRange{First: min(p.Ports.First, ports.First), Last: max(p.Ports.Last, ports.Last)}
	}
}

// chooses tells whether a verdict leads to the chain of a pool.
func (rd *reading) chooses(v nft.Verdict) bool {
	return leadsTo(v, layout.ChainPool)
}

// leadsTo tells whether a verdict leads to a chain of some kind. Most names tell by how they begin, and need
// not be taken apart.
func leadsTo(v nft.Verdict, k layout.Kind) bool {
	return strings.HasPrefix(v.Chain, k.String()) && layout.KindOfChain(v.Chain) == k
}

// listed reads the map of a pool's chain, which is called like it.
func (rd *reading) listed(name string) listedPool {
	l, ok := rd.pools[name]
	if !ok {
		if s := rd.sets[name]; s != nil && layout.KindOfSet(name) == layout.Pool {
			l.laddrs = poolRanges(s)
			for i := range s.Elements {
				if text, ok := strings.CutPrefix(s.Elements[i].Comment, layout.PoolPorts); ok {
					l.ports, _ = inet.ParsePortRange(text)
				}
			}
		}
		rd.pools[name] = l
	}
	return l
}

// finish returns the pools of an object by name, with the laddrs that drain.
func (rd *reading) finish(pools []*Pool, inline layout.Object) []ct.Pool {
	out := make([]ct.Pool, len(pools))
	for i, p := range pools {
		of := inline
		if p.Name != "" {
			of = layout.Object{Of: layout.OfPool, Name: p.Name}
		}
		p.Laddrs = inet.Merge(append(p.Laddrs, rd.drained[of]...))
		out[i] = p.Pool
	}
	slices.SortFunc(out, func(a, b ct.Pool) int { return strings.Compare(a.Name, b.Name) })
	return out
}
