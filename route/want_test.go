package route

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// host is one with an uplink that has a network in each family, and a router there.
func host() Facts {
	return Facts{
		Interfaces: []string{"lo", "lan0", "wan0"},
		Own:        own("wan0 20.0.2.1", "lan0 10.1.0.1", "wan0 2001:db8:2::1"),
		Links: []Link{{"wan0", netip.MustParsePrefix("20.0.2.0/24")}, {"lan0", netip.MustParsePrefix("10.1.0.0/16")},
			{"wan0", netip.MustParsePrefix("2001:db8::/32")}, {"lan0", netip.MustParsePrefix("2001:db8:5::/64")}},
		Hops: []Hop{{netip.MustParseAddr("20.0.2.254"), "wan0"}, {netip.MustParseAddr("fe80::1"), "wan0"}},
	}
}

func own(texts ...string) (out []Address) {
	for _, t := range texts {
		name, addr, _ := strings.Cut(t, " ")
		out = append(out, Address{netip.MustParseAddr(addr), name})
	}
	return out
}

func addrs(texts ...string) (out []netip.Addr) {
	for _, t := range texts {
		out = append(out, netip.MustParseAddr(t))
	}
	return out
}

// want returns what a policy with a service and a zone wants, or its error. Each of vips,
// laddrs and m is words.
func want(a policy.Addresses, vips, laddrs, m string, f Facts) string {
	p := &policy.Policy{Gateway: policy.DefaultGateway()}
	p.Gateway.Addresses = a
	if vips != "" {
		p.Services = []policy.Service{{Name: "web", VIP: addrs(strings.Fields(vips)...)}}
	}
	if laddrs != "" {
		pool := policy.Pool{Name: "office"}
		for _, text := range strings.Fields(laddrs) {
			pool.Laddrs = append(pool.Laddrs, policy.Laddr{Range: inet.MustRange(text)})
		}
		p.Laddrs = []policy.Pool{pool}
		p.Zones = []policy.Zone{{Name: "office", Laddrs: &p.Laddrs[0]}, {Name: "guests", Laddrs: &p.Laddrs[0]}}
	}
	if m != "" {
		p.Zones = append(p.Zones, policy.Zone{Name: "lab", Map: inet.MustRange(m)})
	}
	s, err := Want(p, f)
	if err != nil {
		if !errors.Is(err, ErrRefused) && !errors.Is(err, ErrNoInterface) {
			return "another error: " + err.Error()
		}
		return err.Error()
	}
	var out []string
	for _, o := range Diff(State{}, s) {
		out = append(out, o.Thing.String())
	}
	return strings.Join(out, "; ")
}

func TestWant(t *testing.T) {
	routes, wan0 := policy.Addresses{Mode: policy.AddressesRoutes}, policy.Addresses{Mode: policy.AddressesAssign, Interface: "wan0"}
	for _, c := range []struct {
		name            string
		do              policy.Addresses
		vips, laddrs, m string
		facts           func(*Facts)
		want            string
	}{
		{name: "nothing", vips: "203.0.113.10", laddrs: "198.51.100.0/28"},
		{name: "none", do: policy.Addresses{Mode: policy.AddressesNone}, vips: "203.0.113.10"},
		{name: "routed", do: routes, vips: "203.0.113.10 2001:db7::10", laddrs: "198.51.100.0/28 2001:db7:9::-2001:db7:9::2",
			want: "local route 198.51.100.0/28; local route 203.0.113.10/32; local route 2001:db7::10/128; local route 2001:db7:9::/127; local route 2001:db7:9::2/128"},
		{name: "on the link", do: routes, vips: "20.0.2.10", laddrs: "20.0.2.16/30", want: "local route 20.0.2.10/32; local route 20.0.2.16/30"},
		{name: "on the link, IPv6", do: routes, vips: "2001:db8:2::10", laddrs: "2001:db8:2::20/127",
			want: "net.ipv6.conf.wan0.proxy_ndp=1; local route 2001:db8:2::10/128; local route 2001:db8:2::20/127; neighbour proxy 2001:db8:2::10 dev wan0; neighbour proxy 2001:db8:2::20 dev wan0; neighbour proxy 2001:db8:2::21 dev wan0"},
		{name: "the network that holds it most closely", do: routes, vips: "2001:db8:5::10",
			want: "net.ipv6.conf.lan0.proxy_ndp=1; local route 2001:db8:5::10/128; neighbour proxy 2001:db8:5::10 dev lan0"},
		{name: "half on the link", do: routes, laddrs: "20.0.1.254-20.0.2.0", want: "local route 20.0.1.254/31; local route 20.0.2.0/32"},
		{name: "what an interface has", do: routes, vips: "20.0.2.1 2001:db8:2::1", laddrs: "20.0.2.0/30", want: "local route 20.0.2.0/32; local route 20.0.2.2/31"},
		{name: "all that an interface has", do: routes, vips: "20.0.2.1", laddrs: "20.0.2.1"},
		{name: "a proxy of somebody else", do: routes, vips: "2001:db8:2::10", facts: func(f *Facts) {
			f.Neighbours = []Neighbour{{netip.MustParseAddr("2001:db8:2::10"), "wan0"}}
		}, want: "net.ipv6.conf.wan0.proxy_ndp=1; local route 2001:db8:2::10/128"},
		{name: "VIPs side by side stay apart", do: routes, vips: "203.0.113.10 203.0.113.11", want: "local route 203.0.113.10/32; local route 203.0.113.11/32"},
		{name: "a VIP within a pool", do: routes, vips: "198.51.100.1", laddrs: "198.51.100.0/30", want: "local route 198.51.100.0/32; local route 198.51.100.1/32; local route 198.51.100.2/31"},
		{name: "a map", do: routes, m: "198.18.8.0/24", want: "local route 198.18.8.0/24"},
		{name: "a map of IPv6 on the link", do: routes, m: "2001:db8:8::/64",
			want: "gateway.addresses cannot be done here: neighbours of this host ask for each of these IPv6 addresses, and with 2001:db8:8::/64 they are more than 4096; let the router send a prefix to this host instead, and use its addresses"},
		{name: "the router's address", do: routes, laddrs: "20.0.2.128/25",
			want: "gateway.addresses cannot be done here: pool office contains 20.0.2.254, another host to which routes lead by wan0, and this host would take its address; remove it from pool office"},
		{name: "the router's address as a VIP", do: wan0, vips: "20.0.2.254",
			want: "gateway.addresses cannot be done here: service web contains 20.0.2.254, another host to which routes lead by wan0, and this host would take its address; remove it from service web"},
		{name: "assign", do: wan0, vips: "203.0.113.10 20.0.2.1", laddrs: "198.51.100.0/31 2001:db7::1",
			want: "address 198.51.100.0 dev wan0; address 198.51.100.1 dev wan0; address 203.0.113.10 dev wan0; address 2001:db7::1 dev wan0"},
		{name: "assign a whole network", do: wan0, laddrs: "2001:db8:9::/64",
			want: "gateway.addresses cannot be done here: assign: wan0 puts each address on the interface, and with 2001:db8:9::/64 they are more than 4096; let the router send a prefix to this host instead, and use its addresses"},
		{name: "assign to nothing", do: policy.Addresses{Mode: policy.AddressesAssign, Interface: "wan1"}, vips: "203.0.113.10",
			want: "there is no interface wan1 to put the VIPs and laddrs on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := host()
			if c.facts != nil {
				c.facts(&f)
			}
			if got := want(c.do, c.vips, c.laddrs, c.m, f); got != c.want {
				t.Errorf("wants %s\nnot   %s", got, c.want)
			}
		})
	}
}

// TestWantIgnoresPoolsThatNobodyUses holds that they may be another machine's.
func TestWantIgnoresPoolsThatNobodyUses(t *testing.T) {
	p := &policy.Policy{Gateway: policy.Gateway{Addresses: policy.Addresses{Mode: policy.AddressesRoutes}}}
	p.Laddrs = []policy.Pool{{Name: "spare", Laddrs: []policy.Laddr{{Range: inet.MustRange("198.51.100.0/28")}}}}
	if s, err := Want(p, host()); err != nil || !s.Empty() {
		t.Errorf("wants %v, %v", s, err)
	}
}

func TestMetric(t *testing.T) {
	a, b := Metric("snatctl"), Metric("edge")
	if a == b || a != Metric("snatctl") || a <= 1024 || b <= 1024 {
		t.Errorf("metrics %d and %d", a, b)
	}
}

// BenchmarkWant is 30,000 VIPs and 10,000 pools.
func BenchmarkWant(b *testing.B) {
	p := &policy.Policy{Gateway: policy.Gateway{Addresses: policy.Addresses{Mode: policy.AddressesRoutes}}}
	for i := range 30000 {
		p.Services = append(p.Services, policy.Service{VIP: []netip.Addr{netip.AddrFrom4([4]byte{30, byte(i >> 15), byte(i >> 7), byte(i << 1)})}})
	}
	for i := range 10000 {
		pool := &policy.Pool{Laddrs: []policy.Laddr{{Range: inet.PrefixRange(netip.PrefixFrom(netip.AddrFrom4([4]byte{40, byte(i >> 8), byte(i), 16}), 28))}}}
		p.Zones = append(p.Zones, policy.Zone{Laddrs: pool})
	}
	var s State
	for b.Loop() {
		s, _ = Want(p, host())
		if n := len(Diff(s, s)); n > 0 {
			b.Fatal(n)
		}
	}
	if len(s.Routes) != 40000 {
		b.Fatalf("%d routes: %v", len(s.Routes), slices.Clip(s.Routes[:5]))
	}
}
