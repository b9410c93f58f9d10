// Package readback reads our table, live or compiled, back into the objects that it was made
// of: what a diff tells and what flows are held against come from here.
package readback

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Bindings reads out of a table what flows can tell of the policy that it was made from: a
// live table as it was read, or a compiled one. nil, which is no table, has none. What
// somebody changed by hand is read as far as it looks like something that snatctl makes.
//
// A zone or service that the table holds nothing of has no binding: others stand before it
// everywhere.
func Bindings(r *nft.Ruleset) ct.Bindings {
	rd := newReading(r)
	rd.readServices()
	rd.readZones()
	return ct.Bindings{Services: rd.boundServices(), Zones: rd.boundZones()}
}

// Services reads services out of a table, in its order: those of some names, or all if only is
// nil.
func Services(r *nft.Ruleset, only map[string]bool) []*Service {
	rd := newReading(r)
	rd.only = only
	rd.readServices()
	return rd.ordered
}

// reading is a table on its way to bindings.
type reading struct {
	table    *nft.Ruleset
	only     map[string]bool // services to read; nil: all
	sets     map[string]*nft.Set
	kinds    map[*nft.Set]layout.Kind
	services map[string]*Service
	ordered  []*Service          // the same, as the table has them
	room     []Service           // for the next of them
	fronts   map[string]*Service // by the key of their elements
	zones    map[string]*zone
	pools    map[string]listedPool // by the names of their maps
}

func newReading(r *nft.Ruleset) *reading {
	rd := &reading{table: r, sets: make(map[string]*nft.Set), kinds: make(map[*nft.Set]layout.Kind), zones: make(map[string]*zone), pools: make(map[string]listedPool)}
	if r == nil {
		rd.table = &nft.Ruleset{}
	}
	fronts := 0
	for _, s := range rd.table.Sets {
		rd.sets[s.Name], rd.kinds[s] = s, layout.KindOfSet(s.Name)
		if rd.kinds[s] == layout.Services {
			fronts += len(s.Elements)
		}
	}
	rd.services, rd.fronts = make(map[string]*Service, fronts), make(map[string]*Service, fronts)
	return rd
}

// each calls f for every element of the sets of some kinds.
func (rd *reading) each(f func(*nft.Set, *nft.Element), kinds ...layout.Kind) {
	for _, s := range rd.table.Sets {
		if !slices.Contains(kinds, rd.kinds[s]) || len(s.Key) == 0 {
			continue
		}
		key, data := s.KeyWidth(), s.Data.Width()
		for i := range s.Elements {
			if e := &s.Elements[i]; len(e.Key) == key && (e.KeyEnd == "" || len(e.KeyEnd) == key) && (s.Data == nft.VerdictData || len(e.Data) == data) {
				f(s, e)
			}
		}
	}
}

// ranges returns the addresses that a set of each family holds.
func (rd *reading) ranges(kind layout.Kind, of layout.Object) []inet.Range {
	return SetRanges(func(name string) *nft.Set { return rd.sets[name] }, kind, of)
}

// pool collects one pool of a zone or service from all elements that name it.
type pool struct {
	ct.Pool
	lists []string // names of the maps that its laddrs stand in, those that were read
}

// listedPool is what the map of a pool's chain says.
type listedPool struct {
	laddrs []inet.Range
	ports  inet.PortRange
}

// poolNamed returns one of some pools, making it on first use.
func poolNamed(pools *[]*pool, name string) *pool {
	for _, p := range *pools {
		if p.Name == name {
			return p
		}
	}
	p := &pool{Pool: ct.Pool{Name: name}}
	*pools = append(*pools, p)
	return p
}

// enter adds what one element translates to: a range that is its data, or the addresses that
// a chain chooses from.
func (p *pool) enter(rd *reading, s *nft.Set, e *nft.Element) {
	if s.Data == nft.VerdictData {
		if list := e.Verdict.Chain; !slices.Contains(p.lists, list) {
			p.lists = append(p.lists, list)
			l := rd.listed(list)
			p.Laddrs = append(p.Laddrs, l.laddrs...)
			p.bind(l.ports)
		}
		return
	}
	addrs, ports, ok := DataRange(s, e)
	if !ok {
		return
	}
	if n := len(p.Laddrs); n == 0 || p.Laddrs[n-1] != addrs {
		p.Laddrs = append(p.Laddrs, addrs)
	}
	p.bind(ports)
}

// bind widens the ports that the pool uses.
func (p *pool) bind(ports inet.PortRange) {
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
	return strings.HasPrefix(v.Chain, layout.ChainPool.String()) && layout.KindOfChain(v.Chain) == layout.ChainPool
}

// listed reads the map of a pool's chain, which is called like it.
func (rd *reading) listed(name string) listedPool {
	l, ok := rd.pools[name]
	if !ok {
		if s := rd.sets[name]; s != nil && layout.KindOfSet(name) == layout.Pool {
			l.laddrs = PoolRanges(s)
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
func (rd *reading) finish(pools []*pool, inline layout.Object) []ct.Pool {
	out := make([]ct.Pool, len(pools))
	for i, p := range pools {
		of := inline
		if p.Name != "" {
			of = layout.Object{Of: layout.OfPool, Name: p.Name}
		}
		p.Laddrs = inet.Merge(append(p.Laddrs, rd.ranges(layout.Drained, of)...))
		out[i] = p.Pool
	}
	slices.SortFunc(out, func(a, b ct.Pool) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// portAt reads a port in wire form.
func portAt(b string, at int) uint16 { return uint16(b[at])<<8 | uint16(b[at+1]) }

// slotAt returns the slot that ends an element's key.
func slotAt(s *nft.Set, e *nft.Element) int {
	b := []byte(e.Key[len(e.Key)-nft.Slot.Width():])
	if s.Interval {
		return int(binary.BigEndian.Uint32(b))
	}
	return int(binary.NativeEndian.Uint32(b))
}

// CompareFronts orders fronts by VIP, protocol and ports.
func CompareFronts(a, b ct.Front) int {
	return cmp.Or(a.VIP.Compare(b.VIP), cmp.Compare(a.Ports.Proto, b.Ports.Proto), cmp.Compare(a.Ports.Ports.First, b.Ports.Ports.First), cmp.Compare(a.Ports.Ports.Last, b.Ports.Ports.Last))
}
