package policy

import (
	"maps"
	"slices"
)

// join looks at the policy as a whole: no name is defined twice, every name that is
// used is defined. It also makes zones and services point to their pools.
func (l *loader) join() {
	p := &l.policy
	pools := make(map[string]int, len(p.Laddrs))
	for i := range p.Laddrs {
		l.define(pools, "pool", p.Laddrs[i].Name, i, p.Laddrs[i].Pos, func(j int) Pos { return p.Laddrs[j].Pos })
	}
	zones := make(map[string]int, len(p.Zones))
	for i := range p.Zones {
		z := &p.Zones[i]
		l.define(zones, "zone", z.Name, i, z.Pos, func(j int) Pos { return p.Zones[j].Pos })
		if z.Laddrs == nil {
			z.Laddrs = l.resolve(pools, &l.zones[i], object{"zone", z.Name}, &z.Where)
		}
	}
	services := make(map[string]int, len(p.Services))
	for i := range p.Services {
		s := &p.Services[i]
		l.define(services, "service", s.Name, i, s.Pos, func(j int) Pos { return p.Services[j].Pos })
		if s.Laddrs == nil {
			s.Laddrs = l.resolve(pools, &l.services[i], object{"service", s.Name}, &s.Where)
		}
	}
	for i := range p.Tests {
		t := &p.Tests[i]
		l.known(zones, "zone", t.Expect.Zone, t)
		l.known(services, "service", t.Expect.Service, t)
	}
}

// define enters a name, and reports one that is there already.
func (l *loader) define(names map[string]int, kind, name string, i int, at Pos, pos func(int) Pos) {
	if name == "" {
		return // reported already
	}
	first, ok := names[name]
	if !ok {
		names[name] = i
		return
	}
	l.fault(at, "N01", object{kind, name}, "rename one of the two", "the name is defined twice, first at %s", pos(first))
}

// resolve returns the pool that a zone or service names.
func (l *loader) resolve(pools map[string]int, s *state, about object, w *Where) *Pool {
	if s.pool == "" {
		return nil
	}
	if i, ok := pools[s.pool]; ok {
		s.broken = s.broken || l.pools[i]
		return &l.policy.Laddrs[i]
	}
	s.broken = true
	if l.incomplete {
		return nil
	}
	if numeric.MatchString(s.pool) {
		l.fault(w.At("laddrs"), "N02", about, "", "laddrs: %q is neither an address nor the name of a pool", s.pool)
		return nil
	}
	l.fault(w.At("laddrs"), "Z07", about, "define it in the section laddrs, or write the addresses here",
		"laddrs: there is no pool %q%s", s.pool, l.suggest(s.pool, pools))
	return nil
}

// known reports a test that expects a zone or service that does not exist.
func (l *loader) known(defined map[string]int, kind, name string, t *Test) {
	if _, ok := defined[name]; ok || name == "" || l.incomplete {
		return
	}
	l.fault(t.Expect.At(kind), "T02", object{"test", t.Name}, "define it, or correct the test",
		"there is no %s %q%s", kind, name, l.suggest(name, defined))
}

// suggest returns a defined name that is near to what was written. It stays silent
// after the first hundred: each takes a look at all names.
func (l *loader) suggest(written string, defined map[string]int) string {
	if l.suggested++; l.suggested > 100 {
		return ""
	}
	return didYouMean(written, slices.Sorted(maps.Keys(defined)))
}
