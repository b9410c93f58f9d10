package compiler

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// A counter is memory of every processor, which takes the kernel 2 µs to make: counting all
// slots of 30,000 services with 4 real servers each would nearly double the time of loading
// them. So beyond mostCounted slots without a lane these count nothing, in maps of another
// name, and how a service's connections spread over its real servers is not known.
const mostCounted = 1 << 15

// fewEnoughToCount tells whether the slots of services without a lane count.
func (a *Arrangement) fewEnoughToCount() bool {
	n := 0
	for i := range a.policy.Services {
		s := &a.policy.Services[i]
		lane := a.Lanes[s.Name]
		for _, f := range inet.Families {
			if lane.has(f) {
				continue
			}
			if s.ByMark() && s.Called(f) {
				n += slotCount(s, f)
			}
			vips := 0
			for _, vip := range s.VIP {
				if inet.FamilyOf(vip) == f {
					vips++
				}
			}
			if vips > 0 {
				n += slotCount(s, f) * vips * len(s.Ports)
			}
		}
		if n > mostCounted {
			return false
		}
	}
	return true
}

// slotCount returns how many slots slotsOf would lay out.
func slotCount(s *policy.Service, f inet.Family) int {
	active := s.Active(f)
	switch {
	case len(active) < 2 || s.Scheduler == policy.RoundRobin:
		return len(active)
	case s.Scheduler == policy.Maglev:
		return maglevSize(len(s.RealServers))
	}
	n := 0
	for _, c := range policy.Shares(weightsOf(active), s.MostSlots()) {
		n += c
	}
	return n
}

func weightsOf(servers []policy.RealServer) []int {
	weights := make([]int, len(servers))
	for i, rs := range servers {
		weights[i] = rs.Weight
	}
	return weights
}
