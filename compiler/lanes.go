package compiler

import (
	"hash/fnv"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// assignLanes gives services that take strict turns a lane: a chain with a rule, and so a
// counter, of their own. nft's `numgen inc` counts a rule's packets, so two services on one
// rule would take each other's turns.
//
// The lane follows from the service's name, so that a service keeps it while others come
// and go (up to collisions, which the order of the policy decides). Services beyond
// maxLanes get none and are spread at random instead: even, but without turns.
func assignLanes(services []policy.Service) map[*policy.Service]int {
	lanes := make(map[*policy.Service]int)
	taken := make([]bool, maxLanes)
	for i := range services {
		s := &services[i]
		if len(lanes) == maxLanes {
			break
		}
		if !takesTurns(s) {
			continue
		}
		h := fnv.New32a()
		h.Write([]byte(s.Name))
		lane := int(h.Sum32() % maxLanes)
		for taken[lane] {
			lane = (lane + 1) % maxLanes
		}
		taken[lane] = true
		lanes[s] = lane
	}
	return lanes
}

func takesTurns(s *policy.Service) bool {
	return s.Scheduler == policy.RoundRobin && (len(s.Active(inet.V4)) > 1 || len(s.Active(inet.V6)) > 1)
}
