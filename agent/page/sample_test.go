package page

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// up is a real server that is well.
func up(at string, weight int) agent.Server {
	return agent.Server{Address: address(at), Weight: weight, Admin: weight, Share: weight, Health: "up", LastCheck: noon.Add(-time.Second), LastChange: noon.Add(-26 * time.Hour)}
}

// down is one that its check calls down.
func down(at, why string, since time.Duration) agent.Server {
	o := up(at, 1)
	o.Health, o.Out, o.Share, o.Error, o.LastChange, o.Failures = "down", true, 0, why, noon.Add(-since), 17
	return o
}

func address(text string) netip.AddrPort {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at
	}
	return netip.AddrPortFrom(netip.MustParseAddr(text), 0)
}

func serviceOf(name string, need int, servers ...agent.Server) agent.Service {
	s := agent.Service{Name: name, Servers: servers, Quorum: agent.Quorum{Need: need}}
	for _, o := range servers {
		if !o.Out && o.Admin > 0 {
			s.Quorum.Up++
		}
	}
	s.Quorum.Met = s.Quorum.Up >= need
	s.Closed = !s.Quorum.Met
	return s
}

// figuresOf makes up what services carry.
func figuresOf(services []agent.Service) *traffic.Figures {
	f := &traffic.Figures{At: noon, Over: 2 * time.Second, Conntrack: ct.Conntrack{Entries: 13412, Max: 262144}}
	for i, s := range services {
		r := &ct.ServiceReport{Name: s.Name, VIP: []string{fmt.Sprintf("203.0.113.%d", i%250+1)}, Ports: []string{"tcp/80"}, Mode: "nat", Scheduler: "rr"}
		n := traffic.Service{ServiceReport: r}
		for j, o := range s.Servers {
			rs := &ct.ServerReport{Address: o.Address.Addr(), Port: 80, Weight: o.Share, Down: o.Out, Flows: uint64(40*o.Share + i%7), New: uint64(1000*o.Weight + 13*j)}
			if o.Address.Port() != 0 {
				rs.Port = o.Address.Port()
			}
			rate := traffic.Rate{New: float64(o.Share) * 4.5, In: float64(o.Share*20000 + i*31), Out: float64(o.Share * 310000)}
			r.Flows += rs.Flows
			r.New += rs.New
			n.Rate.New, n.Rate.In, n.Rate.Out = n.Rate.New+rate.New, n.Rate.In+rate.In, n.Rate.Out+rate.Out
			n.Servers = append(n.Servers, traffic.Server{ServerReport: rs, Opened: rs.New, Rate: rate})
		}
		f.Services = append(f.Services, n)
	}
	return f
}

// sample is a gateway of which much is to be said.
func sample() Facts {
	drained, weighted := up("192.168.1.12", 1), up("192.168.1.13", 1)
	drained.Admin, drained.Share, drained.Override = 0, 0, &agent.Override{Kind: balance.Drain, Until: noon.Add(25 * time.Minute)}
	weighted.Admin, weighted.Share, weighted.Override = 5, 5, &agent.Override{Kind: balance.SetWeight, Weight: 5}
	plain := up("192.168.1.30:5353", 1)
	plain.Health, plain.LastCheck, plain.LastChange = agent.Disabled, time.Time{}, time.Time{}
	f := Facts{At: noon, Host: "gw1", Version: "v1.4.0", Services: []agent.Service{
		serviceOf("web", 2, up("192.168.1.1", 1), up("192.168.1.2", 1), down("192.168.1.3", "no answer in 250ms", 11*time.Minute)),
		serviceOf("mail", 1, up("192.168.1.4", 2), up("192.168.1.5", 1)),
		serviceOf("shop", 2, down("192.168.1.6:8080", "connect: connection refused", 3*time.Minute), down("192.168.1.7:8080", "connect: connection refused", 3*time.Minute), up("192.168.1.8:8080", 1)),
		serviceOf("maintained", 1, up("192.168.1.11", 1), drained, weighted),
		serviceOf("dns", 1, plain),
	}}
	f.Figures = figuresOf(f.Services)
	f.Figures.Services[4].Mode, f.Figures.Services[4].Ports = "fullnat", []string{"udp/53", "tcp/53"}
	f.Figures.Services[4].Laddrs = []ct.LaddrReport{{Address: netip.MustParseAddr("192.168.2.250"), Flows: 812, Ports: 812, Capacity: 64512, Busiest: busiest("192.168.1.30:5353", inet.UDP)}}
	f.Figures.Zones = []traffic.Zone{
		{ZoneReport: &ct.ZoneReport{Name: "office", Action: "snat", Flows: 7120, Laddrs: []ct.LaddrReport{
			{Address: netip.MustParseAddr("198.51.100.1"), Pool: "office", Flows: 3571, Ports: 3102, Capacity: 64512, Busiest: busiest("8.8.8.8:443", inet.TCP)},
			{Address: netip.MustParseAddr("198.51.100.2"), Pool: "office", Flows: 3549, Ports: 2944, Capacity: 64512, Busiest: busiest("8.8.8.8:443", inet.TCP)},
		}}, Rate: traffic.Rate{New: 118, In: 3.1e6, Out: 41e6}},
		{ZoneReport: &ct.ZoneReport{Name: "cgn", Action: "snat", Flows: 5920, Laddrs: []ct.LaddrReport{
			{Address: netip.MustParseAddr("198.51.100.64"), Pool: "cgn", Flows: 990, Ports: 870, Capacity: 1024, Busiest: busiest("9.9.9.9:53", inet.UDP)},
			{Address: netip.MustParseAddr("198.51.100.65"), Pool: "cgn", Flows: 320, Ports: 214, Capacity: 1024, Busiest: busiest("9.9.9.9:53", inet.UDP)},
		}}, Rate: traffic.Rate{New: 340, In: 1.2e6, Out: 2.9e6}},
		{ZoneReport: &ct.ZoneReport{Name: "quarantine", Action: "reject", Laddrs: []ct.LaddrReport{}}},
	}
	f.Figures.Pools = []traffic.Pool{{Name: "cgn", Failures: 3}, {Name: "office"}}
	f.Agent = agent.Snapshot{PID: 4711, Started: noon.Add(-26 * time.Hour), Table: "snatctl", Files: []string{"/etc/snatctl/policy.yaml"}}
	f.Agent.Policy = agent.Policy{Hash: "4f1d09a8c2be77aa", AppliedAt: noon.Add(-42 * time.Minute), AppliedBy: "alice", Summary: "services +1 ~1",
		Error: "invalid policy: 1 error", ErrorSince: noon.Add(-5 * time.Minute), Findings: []string{`/etc/snatctl/policy.yaml:31:5: error: unknown key "real_server", did you mean "real_servers"? [N02]`}}
	f.Agent.Drift = agent.Drift{Found: 2, Repairs: 2, Last: noon.Add(-3 * time.Hour)}
	f.Findings = []Finding{{"warning", "S15", "/etc/snatctl/policy.yaml:40", "service dns: one real server: nobody answers while it is down"}}
	f.Uplinks = []Uplink{{"wan0", Condition{Standing: Fine, Word: "up"}}}
	f.Past = func(o traffic.Object) (out []Rate) {
		for i := range 24 {
			at := float64(i + 7*len(o.Name))
			out = append(out, Rate{true, 0, 1e5 * (3 + math.Sin(at/5) + math.Sin(at/1.7)/2)})
		}
		return out
	}
	return f
}

func busiest(to string, p inet.Proto) ct.Destination {
	return ct.Destination{To: netip.MustParseAddrPort(to), Proto: p}
}

// manyServices are so many services of four real servers, of which a few are down.
func manyServices(n int) Facts {
	f := sample()
	f.Services = nil
	for i := range n {
		var servers []agent.Server
		for j := range 4 {
			at := fmt.Sprintf("10.%d.%d.%d", 16+i>>14, i>>6&255, i&63<<2+j)
			if o := up(at, 1); i%97 == 5 && j == 2 {
				servers = append(servers, down(at, "connect: no route to host", time.Hour))
			} else {
				servers = append(servers, o)
			}
		}
		f.Services = append(f.Services, serviceOf(fmt.Sprintf("svc-%05d", i), 2, servers...))
	}
	zones := f.Figures.Zones
	f.Figures = figuresOf(f.Services)
	f.Figures.Zones = zones
	return f
}
