package compiler

import (
	"hash/fnv"
	"strconv"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// assignLanes gives services that take strict turns a lane: a chain with a rule, and so a
// counter, of their own. nft's `numgen inc` counts a rule's packets, so two services on one
// rule would take each other's turns.
//
// The lane follows from the service's name, so that a service keeps it while others come
// and go (up to collisions, which the order of the policy decides). Services beyond
// layout.MaxLanes get none and are spread at random instead: even, but without turns.
func assignLanes(services []policy.Service) map[string]int {
	lanes := make(map[string]int)
	taken := make([]bool, layout.MaxLanes)
	for i := range services {
		s := &services[i]
		if len(lanes) == layout.MaxLanes {
			break
		}
		if !takesTurns(s) {
			continue
		}
		lane := int(hashName(s.Name) % layout.MaxLanes)
		for taken[lane] {
			lane = (lane + 1) % layout.MaxLanes
		}
		taken[lane] = true
		lanes[s.Name] = lane
	}
	return lanes
}

// The slots of services without a lane are one map, until there are many: then they are
// dealt out over several. The kernel lists a map in pieces and walks it from its start for
// each (nf_tables_dump_set), so reading one back takes time by the square of its size.
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
	var without []*policy.Service
	n := 0
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
	for _, s := range without {
		for _, f := range inet.Families {
			classes[class{s.Scheduler, slotCount(s, f)}] = true
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

func takesTurns(s *policy.Service) bool {
	switch s.Scheduler {
	case policy.Random, policy.SourceHash, policy.DestinationHash, policy.Maglev:
		return false
	}
	return (len(s.Active(inet.V4)) > 1 || len(s.Active(inet.V6)) > 1)
}
