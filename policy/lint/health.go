package lint

import (
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// forAgent tells whether the policy is one that an agent carries out: it says somewhere what is
// checked, or that nothing is.
func (r *run) forAgent() bool {
	return slices.ContainsFunc(r.Services, func(s policy.Service) bool { return s.Has("health_check") })
}

// eachCheck calls fn for every health check, with the name of the object that it is in, and with
// what leads to its keys there.
func (r *run) eachCheck(fn func(c *policy.HealthCheck, object, path string)) {
	for i := range r.HealthChecks {
		fn(&r.HealthChecks[i], "health check "+r.HealthChecks[i].Name, "")
	}
	r.eachService(func(s *policy.Service, object string) {
		if s.HealthCheck != nil && s.HealthCheck.Name == "" {
			fn(s.HealthCheck, object, "health_check: ")
		}
	})
}

func slowChecks(r *run) {
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		if c.Timeout > c.Interval {
			r.find(c.At("timeout"), object, "write a timeout of at most "+plain(c.Interval)+", or a longer interval",
				"%stimeout of %s is longer than the interval of %s, so checks of a server that does not answer come every %[2]s", path, plain(c.Timeout), plain(c.Interval))
		}
	})
}

// lateness is how long it may take until a check has failed often enough.
func lateness(fall int, interval, timeout time.Duration) time.Duration {
	return time.Duration(fall-1)*max(interval, timeout) + interval + timeout
}

// patience is how long a dead server may get connections without a warning.
const patience = time.Minute

func lateChecks(r *run) {
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		if late := lateness(c.Fall, c.Interval, c.Timeout); late > patience {
			at := "interval"
			if !c.Has(at) {
				at = "fall"
			}
			r.find(c.At(at), object, "write a shorter interval, or a smaller fall",
				"%sa dead server gets new connections for up to %s: interval %s, fall %d, timeout %s", path, plain(late), plain(c.Interval), c.Fall, plain(c.Timeout))
		}
	})
}

// asksBy returns the protocol that a type of checks asks by, of those that ask the service itself.
func asksBy(t policy.CheckType) (p inet.Proto, ok bool) {
	switch t {
	case policy.CheckTCP, policy.CheckHTTP, policy.CheckHTTPS, policy.CheckSMTP, policy.CheckUDP:
		return t.Speaks(), true
	}
	return 0, false
}

func otherProtocol(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		c := s.HealthCheck
		if c == nil || c.Port != 0 || len(s.Ports) == 0 {
			return
		}
		by, ok := asksBy(c.Type)
		if at := s.CheckedAt(c.Type); !ok || at.Proto == by {
			return
		}
		r.find(s.At("health_check"), object, "write the port that the check is to ask, or choose another type, such as icmp",
			"a check of type %s asks by %s, and the service has %s alone", c.Type, by, s.Ports[0].Proto)
	})
}

func silentUDP(r *run) {
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		if c.Type == policy.CheckUDP && c.Expect == "" {
			r.find(c.At("type"), object, "write send and expect; if the service answers nothing, use a check of another type",
				"%sa udp check without expect takes silence for health: a host that is gone stays up", path)
		}
	})
}

func execChecks(r *run) {
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		if c.Type == policy.CheckExec {
			r.find(c.At("command"), object, "run the agent with --allow-exec, or use a built-in type",
				"%sthe check runs %s: the agent refuses that without --allow-exec", path, c.Command[0])
		}
	})
}

func unusedChecks(r *run) {
	used := make(map[*policy.HealthCheck]bool)
	for i := range r.Services {
		used[r.Services[i].HealthCheck] = true
	}
	for i := range r.HealthChecks {
		if c := &r.HealthChecks[i]; !used[c] {
			r.find(c.Pos, "health check "+c.Name, "name it in a service (health_check: "+c.Name+"), or remove it", "no service uses it")
		}
	}
}

func unnamedCertificates(r *run) {
	r.eachCheck(func(c *policy.HealthCheck, object, path string) {
		if c.Type == policy.CheckHTTPS && c.Verify && c.SNI == "" {
			at := "verify"
			if !c.Has(at) {
				at = "ca"
			}
			r.find(c.At(at), object, "write host or sni: the name that the certificate is for",
				"%sthe certificate must be valid for the address of the real server, as there is neither sni nor host", path)
		}
	})
}
