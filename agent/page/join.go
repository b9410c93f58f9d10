package page

import (
	"cmp"
	"slices"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
)

// Facts are what a Whole is made of.
type Facts struct {
	At       time.Time
	Host     string
	Version  string
	Agent    agent.Snapshot
	Services []agent.Service // in the policy's order
	Findings []Finding
	Uplinks  []Uplink

	Figures    *traffic.Figures // nil: they are not known
	Unmeasured string           // why
	Past       func(traffic.Object) []Rate
}

// Join makes one picture of what is known. It is pure, and takes about linear time.
func Join(f Facts) *Whole {
	w := &Whole{At: f.At, Host: f.Host, Version: f.Version, Agent: f.Agent, Findings: f.Findings, Uplinks: f.Uplinks, Unmeasured: f.Unmeasured, Past: f.Past}
	if w.Past == nil {
		w.Past = func(traffic.Object) []Rate { return nil }
	}
	seen := map[string]*traffic.Service{}
	if n := f.Figures; n != nil {
		for i := range n.Services {
			seen[n.Services[i].Name] = &n.Services[i]
			w.Total.add(loadOf(n, n.Services[i].Flows, n.Services[i].Rate))
		}
		failures := map[string]uint64{}
		for _, p := range n.Pools {
			failures[p.Name] = p.Failures
		}
		for i := range n.Zones {
			z := &n.Zones[i]
			w.Zones = append(w.Zones, &Zone{z.Name, z.Action, loadOf(n, z.Flows, z.Rate), refused(z, failures), standingOf(worst(z.Laddrs)), z.Laddrs})
			w.Total.add(w.Zones[i].Load)
		}
		w.Conntrack = Fill{n.Conntrack.Entries, n.Conntrack.Max}
	}
	w.Services = make([]*Service, len(f.Services))
	for i := range f.Services {
		w.Services[i] = service(&f.Services[i], seen[f.Services[i].Name], f.Figures)
		w.count(w.Services[i])
	}
	w.Troubles = troubles(w)
	return w
}

// refused sums up the failures of a zone's pools.
func refused(z *traffic.Zone, failures map[string]uint64) (n uint64) {
	seen := ""
	for i := range z.Laddrs {
		if name := cmp.Or(z.Laddrs[i].Pool, "zone "+z.Name); name != seen {
			n += failures[name]
			seen = name
		}
	}
	return n
}

func service(known *agent.Service, seen *traffic.Service, of *traffic.Figures) *Service {
	s := &Service{Name: known.Name, Condition: ofService(known), known: known, seen: seen}
	s.Wrong = s.Condition.Standing >= Degraded
	if seen != nil {
		s.Load = loadOf(of, seen.Flows, seen.Rate)
		s.Wrong = s.Wrong || worst(seen.Laddrs) > 0
	}
	return s
}

// worst is how bad it is with the fullest of some laddrs.
func worst(all []ct.LaddrReport) (s ct.Severity) {
	for i := range all {
		s = max(s, all[i].Severity())
	}
	return s
}

// count adds a service to the sums.
func (w *Whole) count(s *Service) {
	c := &w.Counts
	c.Services++
	c.Servers += len(s.known.Servers)
	if s.Condition.Standing == Failed {
		c.ServicesBad++
	}
	for i := range s.known.Servers {
		o := &s.known.Servers[i]
		if !o.Out && o.Health != "down" {
			c.ServersUp++
		}
		if o.Override != nil {
			c.Overrides++
		}
	}
}

func loadOf(f *traffic.Figures, flows uint64, r traffic.Rate) Load {
	return Load{Flows: flows, Rate: Rate{Known: f.Over > 0, New: r.New, Bytes: r.In + r.Out}}
}

func (l *Load) add(o Load) {
	l.Flows += o.Flows
	l.Rate.Known = o.Rate.Known
	l.Rate.New += o.Rate.New
	l.Rate.Bytes += o.Rate.Bytes
}

// laddrsOf lists laddrs, the fullest first, then by address.
func laddrsOf(all []ct.LaddrReport) []*Laddr {
	out := make([]*Laddr, len(all))
	for i := range all {
		l := &all[i]
		out[i] = &Laddr{l.Address, l.Pool, l.Flows, l.Busiest.String(), Fill{uint64(l.Ports), uint64(l.Capacity)}}
	}
	slices.SortStableFunc(out, func(a, b *Laddr) int {
		return cmp.Or(cmp.Compare(b.Ports.Part(), a.Ports.Part()), cmp.Compare(b.Flows, a.Flows))
	})
	return out
}
