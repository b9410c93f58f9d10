package policy_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// web is a service at the addresses of wan0.
func web(family inet.Family, servers ...string) policy.Service {
	s := policy.DefaultService()
	s.Name, s.Ports = "web", []inet.ProtoPorts{{Proto: inet.TCP, Ports: inet.PortRange{First: 80, Last: 80}}}
	s.Interfaces = []policy.InterfaceVIP{{Interface: "wan0", Family: family}}
	for _, a := range servers {
		s.RealServers = append(s.RealServers, policy.RealServer{Addr: netip.MustParseAddr(a), Weight: 1})
	}
	return s
}

// The addresses of an interface that become VIPs, by family and real servers.
func TestResolve(t *testing.T) {
	both := addrs("203.0.113.7", "2001:db8::7")
	for _, c := range []struct {
		name   string
		s      policy.Service
		facts  policy.Facts
		want   []netip.Addr
		lacks  string
		remain []string
	}{
		{name: "both", s: web(0, "192.168.1.1", "fd05::1"), facts: policy.Facts{Addrs: map[string][]netip.Addr{"wan0": both}}, want: both},
		{name: "a family without real servers", s: web(0, "192.168.1.1"), facts: policy.Facts{Addrs: map[string][]netip.Addr{"wan0": both}}, want: both[:1]},
		{name: "no real servers", s: web(0), facts: policy.Facts{Addrs: map[string][]netip.Addr{"wan0": both}}, want: both},
		{name: "one family", s: web(inet.V6, "192.168.1.1", "fd05::1"), facts: policy.Facts{Addrs: map[string][]netip.Addr{"wan0": both}}, want: both[1:]},
		{name: "nothing known", s: web(0, "192.168.1.1"), remain: []string{"wan0"}},
		{name: "another interface", s: web(0, "192.168.1.1"), facts: policy.Facts{Addrs: map[string][]netip.Addr{"wan1": both}}, remain: []string{"wan0"}},
		{name: "no address", s: web(0, "192.168.1.1"), facts: policy.Facts{Whole: true}, lacks: "service web: the interface wan0 has no IPv4 address, so no VIP comes of it"},
		{name: "an address of the other family", s: web(inet.V6), facts: policy.Facts{Whole: true, Addrs: map[string][]netip.Addr{"wan0": both[:1]}},
			lacks: "service web: the interface wan0 has no IPv6 address, so no VIP comes of it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &policy.Policy{Gateway: policy.DefaultGateway(), Services: []policy.Service{c.s}}
			got, ds := p.Resolve(c.facts)
			if got == nil {
				t.Fatal(ds.Error())
			}
			if !slices.Equal(got.Services[0].VIP, c.want) || !slices.Equal(got.Unresolved(), c.remain) {
				t.Errorf("VIPs are %v, unresolved %v; want %v, %v", got.Services[0].VIP, got.Unresolved(), c.want, c.remain)
			}
			if len(ds) > 0 != (c.lacks != "") || len(ds) > 0 && ds[0].Msg != c.lacks {
				t.Errorf("warns of %v, want %q", ds, c.lacks)
			}
			if len(p.Services[0].VIP) > 0 || p.Services[0].Interfaces[0].Known {
				t.Error("the policy as written has changed")
			}
			again, _ := got.Resolve(policy.Facts{Whole: true})
			if len(c.remain) == 0 && !slices.Equal(again.Services[0].VIP, c.want) {
				t.Errorf("resolved again VIPs are %v", again.Services[0].VIP)
			}
		})
	}
}

// What two services claim, and what is a laddr or a real server, is seen once addresses are known.
func TestResolveConflicts(t *testing.T) {
	other := web(0, "192.168.1.2")
	other.Name, other.Interfaces, other.VIP = "other", nil, addrs("203.0.113.7")
	p := &policy.Policy{Gateway: policy.DefaultGateway(), Services: []policy.Service{web(0, "192.168.1.1"), other}}
	on := func(a string) policy.Facts {
		return policy.Facts{Addrs: map[string][]netip.Addr{"wan0": addrs(a)}}
	}
	for a, code := range map[string]string{"203.0.113.7": "S01", "192.168.1.1": "S07", "203.0.113.8": ""} {
		q, ds := p.Resolve(on(a))
		if (q == nil) != (code != "") || code != "" && !strings.Contains(ds.Error(), "["+code+"]") {
			t.Errorf("with %s: %v, want %q", a, ds, code)
		}
	}
	q, _ := p.Resolve(on("203.0.113.8"))
	if m := q.Moved(on("203.0.113.9")); len(m) != 1 || m[0].Service != "web" || m[0].Interface != "wan0" || !slices.Equal(m[0].Is, addrs("203.0.113.9")) {
		t.Errorf("moved: %+v", m)
	}
	// A state and addresses do not disturb each other.
	down := policy.State{Services: map[string]policy.ServiceState{"web": {Servers: map[netip.AddrPort]policy.ServerState{p.Services[0].RealServers[0].Key(): {Down: true}}}}}
	first, _ := p.With(down).Resolve(on("203.0.113.8"))
	for _, s := range []*policy.Service{&first.Services[0], &q.With(down).Services[0], &first.With(down).Services[0]} {
		if !slices.Equal(s.VIP, addrs("203.0.113.8")) || !s.RealServers[0].Down {
			t.Errorf("with a state the service is %+v", s)
		}
	}
	if s := first.With(policy.State{}).Services[0]; !slices.Equal(s.VIP, addrs("203.0.113.8")) || s.RealServers[0].Down {
		t.Errorf("without its state the service is %+v", s)
	}
	if m := q.Moved(on("203.0.113.8")); len(m) != 0 {
		t.Errorf("nothing has moved: %+v", m)
	}
}
