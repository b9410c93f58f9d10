package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// able counts the real servers that take connections while they are up.
func able(s *policy.Service) (n int) {
	for i := range s.RealServers {
		if s.RealServers[i].Weight > 0 {
			n++
		}
	}
	return n
}

// onceDown are the keys that mean something only if servers are down now and then.
var onceDown = []string{"sorry_servers", "slow_start", "panic", "hysteresis", "quorum", "on_down"}

// eachTended calls fn for the services that say something about real servers that are down.
func (r *run) eachTended(fn func(s *policy.Service, object string)) {
	if r.tended == nil {
		r.tended = []int{}
		for i := range r.Services {
			if s := &r.Services[i]; s.HealthCheck != nil || slices.ContainsFunc(onceDown, s.Has) {
				r.tended = append(r.tended, i)
			}
		}
	}
	for _, i := range r.tended {
		fn(&r.Services[i], "service "+r.Services[i].Name)
	}
}

func uncheckedService(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		if s.HealthCheck != nil || len(s.RealServers) == 0 {
			return
		}
		var keys []string
		for _, k := range onceDown {
			if s.Has(k) {
				keys = append(keys, k)
			}
		}
		if len(keys) > 0 {
			r.find(s.At(keys[0]), object, "write a health_check, or remove what waits for it",
				"%s without a health check: no real server is ever down", strings.Join(keys, ", "))
		}
	})
}

func forgottenService(r *run) {
	checked := false
	r.eachTended(func(s *policy.Service, _ string) { checked = checked || s.HealthCheck != nil })
	if !checked {
		return
	}
	r.eachService(func(s *policy.Service, object string) {
		if !s.Has("health_check") && len(s.RealServers) > 0 && !slices.ContainsFunc(onceDown, s.Has) {
			r.find(s.Pos, object, "write a health_check, or health_check: none to say that this is intended",
				"it has no health check, though other services have one: its real servers get connections also when they are dead")
		}
	})
}

func impossibleQuorum(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		if n := able(s); n > 0 && s.Quorum.Need(n) > n {
			r.find(s.At("quorum"), object, "write a smaller quorum, or add real servers",
				"the quorum is %s, and the service has only %s with a weight: it never takes connections", s.Quorum, serverCount(n))
		}
	})
}

func tightQuorum(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		if n := able(s); n > 1 && s.HealthCheck != nil && s.Quorum.Need(n) == n {
			r.find(s.At("quorum"), object, "write a smaller quorum",
				"the quorum of %s needs all of the %s: when one is down, the service takes no connections", s.Quorum, serverCount(n))
		}
	})
}

func wideHysteresis(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		n := able(s)
		if need := s.Quorum.Need(n); s.Hysteresis > 0 && need <= n && need+s.Hysteresis > n {
			r.find(s.At("hysteresis"), object, "write a smaller hysteresis or quorum",
				"quorum %s and hysteresis %d are more than the %s: the service comes back only when all are up", s.Quorum, s.Hysteresis, serverCount(n))
		}
	})
}

func serverCount(n int) string {
	if n == 1 {
		return "1 real server"
	}
	return fmt.Sprintf("%d real servers", n)
}

func sorryRealServers(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		for _, sorry := range s.SorryServers {
			for _, rs := range s.RealServers {
				if rs.Addr == sorry.Addr && (rs.Port == sorry.Port || rs.Port == 0 || sorry.Port == 0) {
					r.find(sorry.Pos, object, "write another machine, or another port of it", "the sorry server %s is also a real server", sorry)
					break
				}
			}
		}
	})
}

// families counts servers by family.
func families(list []policy.RealServer) map[inet.Family]int {
	out := make(map[inet.Family]int)
	for _, rs := range list {
		if rs.Weight > 0 {
			out[inet.FamilyOf(rs.Addr)]++
		}
	}
	return out
}

func sorryFamily(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		if len(s.SorryServers) == 0 {
			return
		}
		real, sorry := families(s.RealServers), families(s.SorryServers)
		for _, f := range inet.Families {
			if real[f] > 0 && sorry[f] == 0 {
				r.find(s.At("sorry_servers"), object, "add an "+f.String()+" sorry server",
					"clients by %s have no sorry server: they get on_empty: %s", f, s.OnEmpty)
			}
		}
	})
}

func familiesApart(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		real := families(s.RealServers)
		four, six := real[inet.V4], real[inet.V6]
		if len(s.SorryServers) == 0 || four == 0 || six == 0 {
			return
		}
		if need := s.Quorum.Need(four + six); need <= max(four, six) {
			r.find(s.At("sorry_servers"), object, "write two services, one for each family",
				"with %d of %s up the quorum is met, even if these are of one family: clients of the other then get on_empty, not the sorry servers", need, serverCount(four+six))
		}
	})
}

func panicFirst(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		n := able(s)
		need := s.Quorum.Need(n)
		if s.Panic == 0 || n == 0 || need > n || (need-1)*100 >= n*s.Panic {
			return
		}
		if len(s.SorryServers) > 0 || s.Has("quorum") {
			r.find(s.At("panic"), object, "write a smaller panic, or a quorum above it",
				"with fewer than %d of %s up, less than %d%% are: panic sends connections to all of them before the quorum of %s counts", need, serverCount(n), s.Panic, s.Quorum)
		}
	})
}

func hashedSlowStart(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		if s.SlowStart > 0 && (s.Scheduler == policy.SourceHash || s.Scheduler == policy.DestinationHash) {
			r.find(s.At("slow_start"), object, "write scheduler: mh, or remove slow_start",
				"slow_start does nothing with the scheduler %s: a server that comes back gets its full share at once", s.Scheduler)
		}
	})
}

func keptUDP(r *run) {
	r.eachTended(func(s *policy.Service, object string) {
		udp := slices.ContainsFunc(s.Ports, func(pp inet.ProtoPorts) bool { return pp.Proto == inet.UDP })
		if s.OnDown == policy.DownKeep && udp && s.HealthCheck != nil {
			r.find(s.At("on_down"), object, "write on_down: auto, which keeps established TCP connections, too",
				"with on_down: keep, UDP clients that go on sending stay with the dead real server for ever")
		}
	})
}

func ignoredWeights(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		if s.Scheduler != policy.LeastConn {
			return
		}
		first := 0
		for _, rs := range s.RealServers {
			switch {
			case rs.Weight == 0 || rs.Weight == first:
			case first == 0:
				first = rs.Weight
			default:
				r.find(rs.Pos, object, "write scheduler: wlc, or make the weights equal",
					"the scheduler lc ignores weights, but %s has %d and another %d", rs, rs.Weight, first)
				return
			}
		}
	})
}
