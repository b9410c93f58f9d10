package read

import (
	"maps"
	"slices"

	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

// join looks at the policy as a whole: no name is defined twice, every name that is
// used is defined. It also makes zones and services point to their pools.
func (l *loader) join() {
	p := &l.policy
	pools := make(map[string]int, len(p.Laddrs))
	for i := range p.Laddrs {
		l.define(pools, "pool", p.Laddrs[i].Name, i, p.Laddrs[i].Pos, func(j int) policy.Pos { return p.Laddrs[j].Pos })
	}
	nodes := make(map[string]int, len(p.Nodes))
	for i := range p.Nodes {
		l.define(nodes, "node", p.Nodes[i].Name, i, p.Nodes[i].Pos, func(j int) policy.Pos { return p.Nodes[j].Pos })
	}
	l.joinSlices(nodes)
	zones := make(map[string]int, len(p.Zones))
	for i := range p.Zones {
		z := &p.Zones[i]
		l.define(zones, "zone", z.Name, i, z.Pos, func(j int) policy.Pos { return p.Zones[j].Pos })
		if z.UplinkLaddrs != nil {
			l.resolvePerUplink(pools, i)
		} else if z.Laddrs == nil {
			z.Laddrs = l.resolve(pools, l.named.zones[i], &l.partial.Zones[i], policy.Object{Kind: "zone", Name: z.Name}, &z.Where)
		}
	}
	checks := make(map[string]int, len(p.HealthChecks))
	for i := range p.HealthChecks {
		l.define(checks, "health check", p.HealthChecks[i].Name, i, p.HealthChecks[i].Pos, func(j int) policy.Pos { return p.HealthChecks[j].Pos })
	}
	services := make(map[string]int, len(p.Services))
	for i := range p.Services {
		s := &p.Services[i]
		l.define(services, "service", s.Name, i, s.Pos, func(j int) policy.Pos { return p.Services[j].Pos })
		if s.Laddrs == nil {
			s.Laddrs = l.resolve(pools, l.named.services[i], &l.partial.Services[i], policy.Object{Kind: "service", Name: s.Name}, &s.Where)
		}
		if name := l.checked[i]; name != "" {
			s.HealthCheck = l.resolveCheck(checks, name, s)
		}
	}
	for i := range p.Tests {
		t := &p.Tests[i]
		l.known(zones, "zone", t.Expect.Zone, t)
		l.known(services, "service", t.Expect.Service, t)
	}
}

// define enters a name, and reports one that is there already.
func (l *loader) define(names map[string]int, kind, name string, i int, at policy.Pos, pos func(int) policy.Pos) {
	if name == "" {
		return // reported already
	}
	first, ok := names[name]
	if !ok {
		names[name] = i
		return
	}
	l.report.Fault(at, "N01", policy.Object{Kind: kind, Name: name}, "rename one of the two", "the name is defined twice, first at %s", pos(first))
}

// resolve returns the pool that a zone or service names.
func (l *loader) resolve(pools map[string]int, name string, broken *bool, about policy.Object, w *policy.Where) *policy.Pool {
	if name == "" {
		return nil
	}
	if i, ok := pools[name]; ok {
		*broken = *broken || l.partial.Pools[i]
		return &l.policy.Laddrs[i]
	}
	*broken = true
	if l.incomplete {
		return nil
	}
	if numeric.MatchString(name) {
		l.report.Fault(w.At("laddrs"), "N02", about, "", "laddrs: %q is neither an address nor the name of a pool", name)
		return nil
	}
	l.report.Fault(w.At("laddrs"), "Z07", about, "define it in the section laddrs, or write the addresses here",
		"laddrs: there is no pool %q%s", name, l.suggest(name, pools))
	return nil
}

// resolveCheck returns the health check that a service names.
func (l *loader) resolveCheck(checks map[string]int, name string, s *policy.Service) *policy.HealthCheck {
	if i, ok := checks[name]; ok {
		return &l.policy.HealthChecks[i]
	}
	if !l.incomplete {
		l.report.Fault(s.At("health_check"), "A01", policy.Object{Kind: "service", Name: s.Name}, "define it in the section health_checks, or write the check here",
			"health_check: there is no health check %q%s", name, l.suggest(name, checks))
	}
	return nil
}

// known reports a test that expects a zone or service that does not exist.
func (l *loader) known(defined map[string]int, kind, name string, t *policy.Test) {
	if _, ok := defined[name]; ok || name == "" || l.incomplete {
		return
	}
	l.report.Fault(t.Expect.At(kind), "T02", policy.Object{Kind: "test", Name: t.Name}, "define it, or correct the test",
		"there is no %s %q%s", kind, name, l.suggest(name, defined))
}

// suggest returns a defined name that is near to what was written. It stays silent
// after the first hundred: each takes a look at all names.
func (l *loader) suggest(written string, defined map[string]int) string {
	if l.suggested++; l.suggested > 100 {
		return ""
	}
	return words.DidYouMean(written, slices.Sorted(maps.Keys(defined)))
}
