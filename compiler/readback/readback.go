// Package readback reads our table, live or compiled, back into the objects that it was made
// of. Diffs, and the bindings that flows are compared with, are made from these.
package readback

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Bindings reads out of a table what flows can tell of the policy that it was made from: a
// live table as it was read, or a compiled one. nil, which is no table, has none. What
// somebody changed by hand is read as far as it looks like something that snatctl makes.
//
// A zone or service that the table holds nothing of has no binding: others come before it
// everywhere.
func Bindings(r *nft.Ruleset) ct.Bindings {
	rd := newReading(r)
	rd.flows = true
	rd.readServices()
	rd.readZones()
	return ct.Bindings{Services: rd.boundServices(), Zones: rd.boundZones()}
}

// Table is the objects that a table was made of, in its order.
type Table struct {
	Services []*Service
	Zones    []*Zone
	Pools    map[string]*Pool // those with names
}

// Only names the objects to read. A pool is read, too, if an object that is read uses it.
type Only struct{ Services, Zones, Pools map[string]bool }

// Read reads objects out of a table: those that only names, or all if it is nil. nil, which is no
// table, has none.
func Read(r *nft.Ruleset, only *Only) *Table {
	rd := newReading(r)
	rd.only = only
	rd.readServices()
	rd.readZones()
	rd.readDrained()
	rd.readTimeouts()
	rd.readSegments()
	return &Table{Services: rd.ordered, Zones: rd.zoneList, Pools: rd.finishNamed()}
}

// reading is a table on its way to bindings.
type reading struct {
	table    *nft.Ruleset
	only     *Only // nil: all
	flows    bool  // it is for flows: pools by the object that uses them, rather than ways and pools with names
	sets     map[string]*nft.Set
	names    map[*nft.Set]layout.Name
	services map[string]*Service
	ordered  []*Service          // the same, as the table has them
	room     []Service           // for the next of them
	fronts   map[string]*Service // by the key of their elements
	zones    map[string]*Zone
	zoneList []*Zone // the same, as the table has them
	zoneRoom []Zone  // for the next of them
	last     lastWay
	named    map[string]*Pool      // pools that were met, by their names
	pools    map[string]listedPool // by the names of their maps
	drained  map[layout.Object][]inet.Range
}

func newReading(r *nft.Ruleset) *reading {
	rd := &reading{table: r, sets: make(map[string]*nft.Set), names: make(map[*nft.Set]layout.Name), zones: make(map[string]*Zone),
		named: make(map[string]*Pool), pools: make(map[string]listedPool), drained: make(map[layout.Object][]inet.Range)}
	if r == nil {
		rd.table = &nft.Ruleset{}
	}
	fronts := 0
	for _, s := range rd.table.Sets {
		n, _ := layout.ParseSet(s.Name)
		rd.sets[s.Name], rd.names[s] = s, n
		switch n.Kind {
		case layout.Services:
			fronts += len(s.Elements)
		case layout.Drained:
			for i := range s.Elements {
				if x, ok := keyRange(s.Elements[i]); ok {
					rd.drained[n.Object] = append(rd.drained[n.Object], x)
				}
			}
		}
	}
	rd.services, rd.fronts = make(map[string]*Service, fronts), make(map[string]*Service, fronts)
	return rd
}

func (rd *reading) wantsZone(name string) bool {
	return name != "" && (rd.only == nil || rd.only.Zones[name])
}

func (rd *reading) wantsService(name string) bool {
	return name != "" && (rd.only == nil || rd.only.Services[name])
}

func (rd *reading) wantsPool(name string) bool {
	return name != "" && (rd.only == nil || rd.only.Pools[name])
}

// each calls f for every element of the sets of some kinds.
func (rd *reading) each(f func(*nft.Set, *nft.Element), kinds ...layout.Kind) {
	for _, s := range rd.table.Sets {
		if !slices.Contains(kinds, rd.names[s].Kind) || len(s.Key) == 0 {
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
	return setRanges(func(name string) *nft.Set { return rd.sets[name] }, kind, of)
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

// CompareFronts orders fronts by mark, VIP, protocol and ports.
func CompareFronts(a, b ct.Front) int {
	return cmp.Or(cmp.Compare(a.Mark, b.Mark), a.VIP.Compare(b.VIP), cmp.Compare(a.Ports.Proto, b.Ports.Proto), cmp.Compare(a.Ports.Ports.First, b.Ports.Ports.First), cmp.Compare(a.Ports.Ports.Last, b.Ports.Ports.Last))
}
