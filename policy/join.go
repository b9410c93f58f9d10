package policy

import (
	"fmt"
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
			z.Laddrs = l.resolve(pools, &l.zones[i], "zone "+z.Name, &z.Where)
		}
	}
	services := make(map[string]int, len(p.Services))
	for i := range p.Services {
		s := &p.Services[i]
		l.define(services, "service", s.Name, i, s.Pos, func(j int) Pos { return p.Services[j].Pos })
		if s.Laddrs == nil {
			s.Laddrs = l.resolve(pools, &l.services[i], "service "+s.Name, &s.Where)
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
	object := kind + " " + name
	l.report(Diagnostic{
		Pos: at, Severity: Error, Code: "N01", Object: object,
		Msg:  fmt.Sprintf("%s: the name is defined twice, first at %s", object, pos(first)),
		Hint: "rename one of the two",
	})
}

// resolve returns the pool that a zone or service names.
func (l *loader) resolve(pools map[string]int, s *state, object string, w *Where) *Pool {
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
	d := Diagnostic{
		Pos: w.At("laddrs"), Severity: Error, Code: "Z07", Object: object,
		Msg:  fmt.Sprintf("%s: laddrs: there is no pool %q%s", object, s.pool, l.suggest(s.pool, pools)),
		Hint: "define it in the section laddrs, or write the addresses here",
	}
	if numeric.MatchString(s.pool) {
		d.Code, d.Hint = "N02", ""
		d.Msg = fmt.Sprintf("%s: laddrs: %q is neither an address nor the name of a pool", object, s.pool)
	}
	l.report(d)
	return nil
}

// known reports a test that expects a zone or service that does not exist.
func (l *loader) known(defined map[string]int, kind, name string, t *Test) {
	if _, ok := defined[name]; ok || name == "" || l.incomplete {
		return
	}
	object := "test " + t.Name
	l.report(Diagnostic{
		Pos: t.Expect.At(kind), Severity: Error, Code: "T02", Object: object,
		Msg:  oneLine(fmt.Sprintf("%s: there is no %s %q%s", object, kind, name, l.suggest(name, defined))),
		Hint: "define it, or correct the test",
	})
}

// suggest returns a defined name that is near to what was written. It stays silent
// after the first hundred: each takes a look at all names.
func (l *loader) suggest(written string, defined map[string]int) string {
	if l.suggested++; l.suggested > 100 {
		return ""
	}
	return didYouMean(written, slices.Sorted(maps.Keys(defined)))
}
