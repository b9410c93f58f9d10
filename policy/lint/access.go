package lint

import (
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// access finds services that nobody may call, and denied sources that may not call anyway.
func access(r *run) {
	r.eachService(func(s *policy.Service, object string) {
		if len(s.Allow) == 0 && len(s.Deny) == 0 {
			return
		}
		callers := callersOf(s)
		allowed := inet.Intersect(callers, s.Allow)
		if len(s.Allow) == 0 {
			allowed = callers
		}
		if len(inet.Subtract(allowed, s.Deny)) == 0 {
			key := "deny"
			if len(s.Deny) == 0 {
				key = "allow"
			}
			r.find(s.At(key), object, "allow the sources that the service is for, or remove the service", "allow and deny leave no source: every connection is dropped")
			return
		}
		if len(s.Allow) == 0 {
			return
		}
		index := ownersOf([][]inet.Range{s.Allow})
		for i, d := range s.Deny {
			if _, ok := index.first(d); !ok {
				r.find(s.Item("deny", i), object, "remove it, or correct one of the two", "deny: %s is not in allow, so it may not call anyway", d)
				return
			}
		}
	})
}

// callersOf returns all addresses of the families of a service's VIPs.
func callersOf(s *policy.Service) []inet.Range {
	var out []inet.Range
	for _, f := range inet.Families {
		if s.Called(f) {
			out = append(out, inet.Everything(f))
		}
	}
	return out
}
