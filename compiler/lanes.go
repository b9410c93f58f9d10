package compiler

import (
	"hash/fnv"
	"strconv"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// Lane is a service's place among the lanes. A family in which the service can have one real
// server only, whatever becomes of it, needs none.
type Lane struct {
	Number int
	V4, V6 bool // the families that take turns by it
}

func (l Lane) has(f inet.Family) bool { return f == inet.V4 && l.V4 || f == inet.V6 && l.V6 }

// assignLanes gives services that take strict turns a lane: a chain with a rule, and so a
// counter, of their own. nft's `numgen inc` counts a rule's packets, so two services on one
// rule would take each other's turns.
//
// The lane follows from the service's name, so that a service keeps it while others come
// and go (up to collisions, which the order of the policy decides). Services beyond
// layout.MaxLanes get none and are spread at random instead: even, but without turns.
func assignLanes(services []policy.Service) map[string]Lane {
	lanes := make(map[string]Lane)
	taken := make([]bool, layout.MaxLanes)
	for i := range services {
		s := &services[i]
		if len(lanes) == layout.MaxLanes {
			break
		}
		l := Lane{V4: mayTakeTurns(s, inet.V4), V6: mayTakeTurns(s, inet.V6)}
		if !l.V4 && !l.V6 {
			continue
		}
		l.Number = int(hashName(s.Name) % layout.MaxLanes)
		for taken[l.Number] {
			l.Number = (l.Number + 1) % layout.MaxLanes
		}
		taken[l.Number] = true
		lanes[s.Name] = l
	}
	return lanes
}

// The slots of services without a lane are one map, until there are many: then they are
// dealt out over several. The kernel lists a map in pieces and walks it from its start for
// each (nf_tables_dump_set), so reading one back takes time by the square of its size. Those of
// services with a lane are dealt out, too: for each element that enters a map the kernel goes through
// all rules that look into it (nft_add_set_elem), and each lane has one.
const (
	partsFrom = 4096 // slots; fewer than 5,000 services of one slot have
	maxParts  = 16
)

// needsParts tells whether the services without a lane have many slots. Each part takes a
// chain for every scheduler and number of slots, so where those are many there are no parts.
func (a *Arrangement) needsParts() bool {
	type class struct {
		scheduler policy.Scheduler
		slots     int
	}
	without, n := make([]*policy.Service, 0, len(a.policy.Services)), 0
	for i := range a.policy.Services {
		s := &a.policy.Services[i]
		if _, ok := a.Lanes[s.Name]; !ok {
			without = append(without, s)
			n += len(s.RealServers) * len(s.VIP) * len(s.Ports)
		}
	}
	if n < partsFrom {
		return false // and no slots need be counted
	}
	classes := make(map[class]bool)
	for _, f := range inet.Families {
		last := class{slots: -1}
		for _, s := range without {
			if c := (class{s.Scheduler, slotCount(s, f)}); c != last { // mostly they are alike
				classes[c], last = true, c
			}
		}
	}
	return len(classes)*maxParts <= layout.MaxLanes
}

// part returns the part that a service's slots go to; "" where there is one map for all.
func (a *Arrangement) part(s *policy.Service) string {
	if !a.Parted {
		return ""
	}
	return strconv.Itoa(int(hashName(s.Name) % maxParts))
}

func hashName(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}

// takesTurns tells whether a scheduler does.
func takesTurns(s policy.Scheduler) bool {
	switch s {
	case policy.Random, policy.SourceHash, policy.DestinationHash, policy.Maglev:
		return false
	}
	return true
}

// mayTakeTurns tells whether several real servers of a family, or several sorry servers, may ever
// take turns: those whose weight is 0 may get another one.
func mayTakeTurns(s *policy.Service, f inet.Family) bool {
	several := func(servers []policy.RealServer) bool {
		return count(servers, func(rs *policy.RealServer) bool { return inet.FamilyOf(rs.Addr) == f }) > 1
	}
	return takesTurns(s.Scheduler) && (several(s.RealServers) || several(s.SorryServers))
}

// seat is where services with one scheduler, number of slots, and lane or part have their slots.
type seat struct {
	slots *nft.Set
	chain *nft.Chain
}

// seatKey tells seats apart; a whole name takes three times as long to look up.
type seatKey struct {
	scheduler, lane, part string
	slots                 int
	family                inet.Family
	ports                 layout.PortKind
	turns, keep           bool
}

// seat returns the map of slots and the chain of these names, made on first use.
func (b *builder) seat(list, chain layout.Name) seat {
	v := &chain.Variant
	key := seatKey{v.Scheduler, v.Lane, v.Part, v.Slots, chain.Family, v.Ports, list.Kind == layout.Turns, v.Keep}
	at, known := b.seats[key]
	if !known {
		at = seat{b.set(list), b.chain(chain)}
		b.seats[key] = at
	}
	return at
}
