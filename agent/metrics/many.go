package metrics

import (
	"net/netip"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
)

// scrape is what one is made of.
type scrape struct {
	figures  *traffic.Figures
	services []agent.Service
	servers  [][]string // the names of the real servers of services
	counted  [][]string // those of figures.Services
	checks   *checks
}

func newScrape(f *traffic.Figures, services []agent.Service, c *checks) *scrape {
	return &scrape{figures: f, services: services, checks: c}
}

// name makes the names of real servers.
func (s *scrape) name() {
	f, services := s.figures, s.services
	s.servers, s.counted = make([][]string, len(services)), make([][]string, len(f.Services))
	known := make(map[string]int, len(services))
	for i := range services {
		of := &services[i]
		known[of.Name] = i
		s.servers[i] = make([]string, len(of.Servers))
		for n := range of.Servers {
			s.servers[i][n] = of.Servers[n].Text()
		}
	}
	for i := range f.Services {
		of := &f.Services[i]
		s.counted[i] = make([]string, len(of.Servers))
		at, ok := known[of.Name]
		for n := range of.Servers {
			rs := agent.Server{Address: netip.AddrPortFrom(of.Servers[n].Address, of.Servers[n].Port)}
			if ok {
				if same := services[at].Index(rs.Address); same >= 0 {
					s.counted[i][n] = s.servers[at][same]
					continue
				}
			}
			s.counted[i][n] = rs.Text()
		}
	}
}

// values adds the values of a metric.
type values func(s *scrape, add func(v float64, a, b string))

// many says where the values come from of metrics of which there may be many.
var many = map[*Metric]values{
	serviceNew:   ofServices(func(s *traffic.Service) float64 { return float64(s.Opened) }),
	serviceFlows: ofServices(func(s *traffic.Service) float64 { return float64(s.Flows) }),
	serviceBytes: func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Services {
			o := &s.figures.Services[i]
			add(float64(o.Bytes.In), o.Name, "in")
			add(float64(o.Bytes.Out), o.Name, "out")
		}
	},
	quorumMet: ofKept(func(s *agent.Service) float64 { return flag(s.Quorum.Met) }),
	serversDown: ofKept(func(s *agent.Service) (n float64) {
		for i := range s.Servers {
			n += flag(s.Servers[i].Health == health.Down.String())
		}
		return n
	}),

	serverUp: ofKeptServers(func(s *agent.Server) float64 { return flag(s.Health != health.Down.String()) }),
	serverWeight: ofKeptServers(func(s *agent.Server) float64 {
		if s.Out {
			return 0
		}
		return float64(s.Share)
	}),
	checkFails:  ofKeptServers(func(s *agent.Server) float64 { return float64(s.Failures) }),
	serverFlows: ofServers(func(s *traffic.Server) float64 { return float64(s.Flows) }),
	serverNew:   ofServers(func(s *traffic.Server) float64 { return float64(s.Opened) }),

	zoneFlows: ofZones(func(z *traffic.Zone) float64 { return float64(z.Flows) }),
	zoneNew:   ofZones(func(z *traffic.Zone) float64 { return float64(z.Opened) }),

	serviceRefused: func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Services {
			o := &s.figures.Services[i]
			addRefused(add, o.Name, o.Limits, o.Refused)
		}
	},
	toldPackets: func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Services {
			o := &s.figures.Services[i]
			if c := o.Told; c != nil {
				add(float64(c.Failed), o.Name, "failed")
				add(float64(c.First), o.Name, "first")
				add(float64(c.NoRoom), o.Name, "no_room")
				add(float64(c.SYN), o.Name, "syn")
				add(float64(c.TooLarge), o.Name, "too_large")
			}
		}
	},
	zoneRefused: func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Zones {
			o := &s.figures.Zones[i]
			addRefused(add, o.Name, o.Limits, o.Refused)
		}
	},

	poolUse:      ofPools(func(p *traffic.Pool) float64 { return p.Fullest }),
	poolFailures: ofPools(func(p *traffic.Pool) float64 { return float64(p.Failures) }),
	laddrFlows: func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Pools {
			p := &s.figures.Pools[i]
			for n := range p.Laddrs {
				add(float64(p.Laddrs[n].Flows), p.Name, p.Laddrs[n].Address.String())
			}
		}
	},
}

// addRefused adds what an object's limits have refused. They are listed in the order in which packets meet
// them, which is that of the keys backwards; values are added in the order of their labels.
func addRefused(add func(float64, string, string), name string, limits []ct.Limit, refused []uint64) {
	for i := len(limits) - 1; i >= 0; i-- {
		add(float64(refused[i]), name, limits[i].Key)
	}
}

func ofServices(value func(*traffic.Service) float64) values {
	return func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Services {
			add(value(&s.figures.Services[i]), s.figures.Services[i].Name, "")
		}
	}
}

func ofServers(value func(*traffic.Server) float64) values {
	return func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Services {
			o := &s.figures.Services[i]
			for n := range o.Servers {
				add(value(&o.Servers[n]), o.Name, s.counted[i][n])
			}
		}
	}
}

// ofKept is about services that have real servers, as the agent knows them.
func ofKept(value func(*agent.Service) float64) values {
	return func(s *scrape, add func(float64, string, string)) {
		for i := range s.services {
			if len(s.services[i].Servers) > 0 {
				add(value(&s.services[i]), s.services[i].Name, "")
			}
		}
	}
}

func ofKeptServers(value func(*agent.Server) float64) values {
	return func(s *scrape, add func(float64, string, string)) {
		for i := range s.services {
			o := &s.services[i]
			for n := range o.Servers {
				add(value(&o.Servers[n]), o.Name, s.servers[i][n])
			}
		}
	}
}

func ofZones(value func(*traffic.Zone) float64) values {
	return func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Zones {
			add(value(&s.figures.Zones[i]), s.figures.Zones[i].Name, "")
		}
	}
}

func ofPools(value func(*traffic.Pool) float64) values {
	return func(s *scrape, add func(float64, string, string)) {
		for i := range s.figures.Pools {
			add(value(&s.figures.Pools[i]), s.figures.Pools[i].Name, "")
		}
	}
}

// flag is 1 for what is so.
func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
