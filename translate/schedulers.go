package translate

import "github.com/snatctl/snatctl/policy"

// Scheduler returns what stands for a scheduler of IPVS, and the code of what is to be reported;
// empty: nothing. (net/netfilter/ipvs/ip_vs_*.c; conhash is DPVS's.)
func Scheduler(name string) (s policy.Scheduler, code string) {
	switch name {
	case "rr":
		return policy.RoundRobin, ""
	case "wrr":
		return policy.WeightedRoundRobin, ""
	case "sh":
		return policy.SourceHash, ""
	case "dh":
		return policy.DestinationHash, ""
	case "mh":
		return policy.Maglev, ""
	case "lc":
		return policy.LeastConn, "M010"
	case "wlc":
		return policy.WeightedLeastConn, "M010"
	case "sed", "nq", "twos":
		return policy.WeightedLeastConn, "M011"
	case "lblc", "lblcr":
		return policy.DestinationHash, "M012"
	case "fo":
		return policy.WeightedRoundRobin, "M013"
	case "ovf":
		return policy.WeightedLeastConn, "M014"
	case "conhash":
		return policy.Maglev, "M015"
	}
	return policy.WeightedLeastConn, "M016"
}

// Failover makes of a service with scheduler fo what stands for it: the servers of the highest
// weight take all connections. The others are sorry servers where checks tell which are up;
// without, they drain, since IPVS would not notice either.
func (s *Service) Failover() {
	top := 0
	for _, r := range s.Servers {
		top = max(top, r.Weight)
	}
	var first, rest []Server
	for _, r := range s.Servers {
		switch {
		case r.Weight == top && top > 0:
			r.Weight = policy.DefaultWeight
			first = append(first, r)
		case r.Weight > 0 && s.Check != nil:
			r.Weight = policy.DefaultWeight
			rest = append(rest, r)
		default:
			r.Weight = 0
			first = append(first, r)
		}
	}
	s.Servers = first
	s.Sorry = append(rest, s.Sorry...)
}

// Level gives all servers that take connections weight 1 where the scheduler looks at no weights,
// and tells whether they differed.
func (s *Service) Level() (differed bool) {
	if s.Scheduler != policy.RoundRobin && s.Scheduler != policy.LeastConn {
		return false
	}
	first := 0
	for i := range s.Servers {
		r := &s.Servers[i]
		if r.Weight == 0 {
			continue
		}
		differed = differed || first > 0 && r.Weight != first
		first = r.Weight
		r.Weight = policy.DefaultWeight
	}
	return differed
}
