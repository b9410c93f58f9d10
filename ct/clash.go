package ct

import (
	"fmt"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Clash is what two policies on one host both decide about.
type Clash struct {
	Kind, Name string // ours: "service" and "web"
	Other      string // theirs: "zone lab"
	What       string // "203.0.113.10 tcp/80", or "sources 10.1.0.0/16"
}

// String returns "service web and service shop of the other table both take 203.0.113.10 tcp/80".
func (c Clash) String() string {
	verb := "translate"
	if c.Kind == "service" {
		verb = "take"
	}
	return fmt.Sprintf("%s %s and %s of the other table both %s %s", c.Kind, c.Name, c.Other, verb, c.What)
}

// Clashes finds services of two policies that take the same connections, and zones that
// translate the same sources: one clash for each pair of objects. Which of the two decides depends
// on the tables' hooks alone. Zones with conditions may be apart in what they ask for; their sources
// count all the same, unless both ask for interfaces and have none in common.
func Clashes(ours, others Bindings) []Clash {
	var out []Clash
	fronts := make(map[Front][]placed)
	for i := range others.Services {
		for _, f := range others.Services[i].Fronts {
			fronts[f.at()] = append(fronts[f.at()], placed{f.Ports.Ports, others.Services[i].Name})
		}
	}
	for i := range ours.Services {
		s, told := &ours.Services[i], make(map[string]bool)
		for _, f := range s.Fronts {
			for _, o := range fronts[f.at()] {
				if !told[o.name] && f.Ports.Ports.Overlaps(o.ports) {
					told[o.name] = true
					out = append(out, Clash{"service", s.Name, "service " + o.name, f.String()})
				}
			}
		}
	}
	for i := range ours.Zones {
		for n := range others.Zones {
			z, o := &ours.Zones[i], &others.Zones[n]
			if !z.translatesSources() || !o.translatesSources() || apart(z.OIf, o.OIf) {
				continue
			}
			if both := inet.Intersect(z.Sources, o.Sources); len(both) > 0 {
				out = append(out, Clash{"zone", z.Name, "zone " + o.Name, "sources " + both[0].String()})
			}
		}
	}
	return out
}

// at is the front without its ports.
func (f Front) at() Front {
	f.Ports.Ports = inet.PortRange{}
	return f
}

type placed struct {
	ports inet.PortRange
	name  string
}

func (z *Zone) translatesSources() bool {
	return z.Action == "snat" || z.Action == "masquerade" || z.Action == "map"
}

// apart tells whether two lists of interfaces surely have none in common. Patterns may.
func apart(a, b []string) bool {
	pattern := func(s string) bool { return strings.HasSuffix(s, "*") }
	if len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, pattern) || slices.ContainsFunc(b, pattern) {
		return false
	}
	return !slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
