package read

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// comparing leaves places out and compares addresses by value.
var comparing = cmp.Options{
	cmpopts.IgnoreTypes(policy.Where{}, policy.Pos{}),
	cmpopts.IgnoreUnexported(policy.Policy{}, policy.Service{}),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
}

func ranges(texts ...string) (out []inet.Range) {
	for _, s := range texts {
		out = append(out, inet.MustRange(s))
	}
	return out
}

func laddrs(texts ...string) (out []policy.Laddr) {
	for _, text := range texts {
		out = append(out, policy.Laddr{Range: inet.MustRange(text), Weight: 1, Prefix: strings.Contains(text, "/")})
	}
	return out
}

func ports(texts ...string) (out []inet.ProtoPorts) {
	for _, s := range texts {
		pp, err := inet.ParseProtoPorts(s)
		if err != nil {
			panic(err)
		}
		out = append(out, pp)
	}
	return out
}

func mustLoad(t *testing.T, path string) *policy.Policy {
	t.Helper()
	p, ds := Load([]string{path}, nil)
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	return p
}

var addr, addrPort = netip.MustParseAddr, netip.MustParseAddrPort

// TestModel holds every value of the reference policy.
func TestModel(t *testing.T) {
	office := policy.Pool{Name: "office", Laddrs: laddrs("198.51.100.1-198.51.100.2", "198.51.100.9", "2001:db8:99::1")}
	guests := policy.Pool{Name: "guests", Laddrs: laddrs("198.51.100.16/28", "2001:db8:99::10/124")}
	weighted := policy.Pool{Name: "weighted", Laddrs: laddrs("198.51.100.10", "198.51.100.11")}
	weighted.Laddrs[1].Weight = 3
	cgn := policy.Pool{Name: "cgn", Laddrs: laddrs("198.51.100.64/28"), Ports: inet.PortRange{First: 1024, Last: 65535}, Block: 1024}
	vips := []netip.Addr{addr("203.0.113.10"), addr("2001:db8::10")}
	want := &policy.Policy{
		Version: 1,
		Gateway: policy.Gateway{Table: "snatctl", Uplinks: []string{"wan0", "ppp*"}, Unmatched: policy.Accept, Invalid: policy.Drop, Cleanup: policy.CleanupStale,
			Forwarding: true, Sysctls: true, Offload: policy.OffloadOff, Addresses: policy.Addresses{Mode: policy.AddressesNone}, RoutingTables: policy.Tables{First: 20000, Last: 20099}},
		Fleet:  policy.DefaultFleet(),
		Laddrs: []policy.Pool{office, guests, weighted, cgn},
		Zones: []policy.Zone{
			{Name: "office", From: ranges("10.1.0.0/16", "fd01::/64"), Action: policy.Snat, Laddrs: &office, Select: policy.SelectSource,
				Exclude: ranges("10.0.0.0/8", "192.168.0.0/16")},
			{Name: "quarantine", From: ranges("10.66.0.0/16"), Action: policy.Drop, Select: policy.SelectSource},
			{Name: "mail", From: ranges("10.2.0.0/16"), To: ranges("0.0.0.0/0"), Ports: ports("tcp/25", "tcp/465"), OIf: []string{"wan1"},
				IIf: []string{"lan0"}, Action: policy.Snat, Laddrs: &policy.Pool{Laddrs: laddrs("198.51.100.25")}, Select: policy.SelectSource},
			{Name: "lab", From: ranges("10.9.8.0/24"), Action: policy.Snat, Select: policy.SelectSource, Map: inet.MustRange("198.18.8.0/24")},
			{Name: "everyone", From: ranges("0.0.0.0/0", "::/0"), Action: policy.Snat, Laddrs: &guests, Select: policy.SelectSource},
		},
		Services: []policy.Service{
			{Name: "web", VIP: vips, Ports: ports("tcp/80", "tcp/443"), Mode: policy.NAT, Scheduler: policy.WeightedRoundRobin,
				Persistence: policy.Persistence{Timeout: 300 * time.Second, Mask4: 32, Mask6: 128}, Allow: ranges("10.0.0.0/8"),
				RealServers: []policy.RealServer{{Addr: addr("192.168.1.1"), Weight: 1}, {Addr: addr("192.168.1.2"), Port: 8080, Weight: 3},
					{Addr: addr("2001:db8:1::2"), Weight: 0}},
				Select: policy.SelectSource, OnEmpty: policy.EmptyReject, Quorum: policy.Quorum{Count: 1}, OnDown: policy.DownAuto},
			{Name: "dns", VIP: vips, Ports: ports("udp/53", "tcp/53"), Mode: policy.FullNAT, Scheduler: policy.RoundRobin,
				Laddrs: &policy.Pool{Laddrs: laddrs("192.168.1.250-192.168.1.253", "fd05::fa")}, Select: policy.SelectSource,
				RealServers: []policy.RealServer{{Addr: addr("192.168.1.1"), Port: 5353, Weight: 1}, {Addr: addr("fd05::1"), Port: 5353, Weight: 1}},
				OnEmpty:     policy.EmptyReject, Quorum: policy.Quorum{Count: 1}, OnDown: policy.DownAuto},
		},
		Tests: []policy.Test{
			{Name: "office leaves with its own address", From: addrPort("10.1.5.9:0"), To: addrPort("8.8.8.8:443"), Proto: inet.TCP,
				Expect: policy.Expect{Zone: "office", Snat: policy.Translation{Targets: []policy.Target{{Range: inet.MustRange("198.51.100.1")},
					{Range: inet.MustRange("198.51.100.2")}, {Range: inet.MustRange("198.51.100.9")}}}}},
			{Name: "quarantined hosts stay in", From: addrPort("10.66.0.7:0"), To: addrPort("8.8.8.8:53"), Proto: inet.UDP,
				Expect: policy.Expect{Zone: "quarantine", Verdict: policy.Drop}},
			{Name: "web reaches an RS and keeps the client", From: addrPort("10.1.5.9:0"), To: addrPort("203.0.113.10:80"), Proto: inet.TCP,
				Expect: policy.Expect{Service: "web", Snat: policy.Translation{Word: "none"}, Dnat: policy.Translation{Targets: []policy.Target{
					{Range: inet.MustRange("192.168.1.1"), Ports: inet.PortRange{First: 80, Last: 80}},
					{Range: inet.MustRange("192.168.1.2"), Ports: inet.PortRange{First: 8080, Last: 8080}}}}}},
		},
	}
	got := mustLoad(t, "../../testdata/valid/spec.yaml")
	if diff := cmp.Diff(want, got, comparing, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	if got.Zones[0].Laddrs != &got.Laddrs[0] || got.Zones[4].Laddrs != &got.Laddrs[1] {
		t.Error("the zones do not point to the pools that they name")
	}
}

// TestModelOfOtherForms holds values that the reference policy does not show.
func TestModelOfOtherForms(t *testing.T) {
	p := mustLoad(t, "../../testdata/valid/dualstack.yaml")
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"gateway", p.Gateway, policy.Gateway{Table: "nat-gw", Uplinks: []string{"wan0", "wan1", "ppp*"}, Unmatched: policy.Drop, Invalid: policy.Drop, Cleanup: policy.CleanupNone, Offload: policy.OffloadAuto, Addresses: policy.Addresses{Mode: policy.AddressesNone}, RoutingTables: policy.Tables{First: 20000, Last: 20099}}},
		{"random pool", p.Laddrs[3], policy.Pool{Name: "random", Laddrs: laddrs("198.51.100.80", "2001:db8:99::80"), Random: true}},
		{"ports", p.Zones[0].Ports, ports("tcp/80", "tcp/443", "udp/1024-65535", "sctp/*", "icmp", "icmpv6")},
		{"select", p.Zones[0].Select, policy.SelectSourceDestination},
		{"accept", p.Zones[4].Action, policy.Accept},
		{"masquerade", p.Zones[5].Action, policy.Masquerade},
		{"no action", p.Zones[7].Action, policy.Reject},
		{"inline weight", p.Zones[9].Laddrs.Laddrs[1], policy.Laddr{Range: inet.MustRange("198.51.100.91"), Weight: 2}},
		{"persistence", p.Services[0].Persistence, policy.Persistence{Timeout: 5 * time.Minute, Mask4: 24, Mask6: 64}},
		{"deny", p.Services[0].Deny, ranges("10.66.0.0/16")},
		{"real servers", p.Services[0].RealServers, []policy.RealServer{{Addr: addr("192.168.1.1"), Weight: 1}, {Addr: addr("192.168.1.2"), Port: 8080, Weight: 3},
			{Addr: addr("2001:db8:1::1"), Weight: 1}, {Addr: addr("2001:db8:1::2"), Port: 8080, Weight: 1}, {Addr: addr("2001:db8:1::3")}}},
		{"default mode", p.Services[1].Mode, policy.NAT},
		{"on_empty", p.Services[1].OnEmpty, policy.EmptyDrop},
		{"all ports", p.Services[2].Ports, []inet.ProtoPorts{{Proto: inet.TCP, Ports: inet.AnyPort}}},
		{"test address", p.Tests[1].From, addrPort("[fd03::1]:40000")},
		{"test name", p.Tests[1].Name, "tcp [fd03::1]:40000 to [2001:db8:1::1]:443"},
		{"dnat none", p.Tests[1].Expect.Dnat.Word, "none"},
	} {
		if diff := cmp.Diff(c.want, c.got, comparing); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
}

// TestAddresses holds the forms of gateway.addresses.
func TestAddresses(t *testing.T) {
	for text, want := range map[string]policy.Addresses{
		"none": {Mode: policy.AddressesNone}, "routes": {Mode: policy.AddressesRoutes},
		"{assign: wan0}": {Mode: policy.AddressesAssign, Interface: "wan0"},
	} {
		p, ds := Parse([]policy.Source{{Name: "a.yaml", Data: []byte("version: 1\ngateway: {addresses: " + text + "}\n")}})
		if len(ds) > 0 || p.Gateway.Addresses != want {
			t.Errorf("addresses: %s is read as %v, %v", text, p, ds)
		}
	}
}

// TestDefaults holds what a policy means that says nothing.
func TestDefaults(t *testing.T) {
	p := mustLoad(t, "../../testdata/valid/empty.yaml")
	if want := (&policy.Policy{Start: policy.Pos{File: "../../testdata/valid/empty.yaml", Line: 1, Col: 1}, Version: 1, Gateway: policy.DefaultGateway(), Fleet: policy.DefaultFleet()}); !reflect.DeepEqual(p, want) {
		t.Errorf("got %+v, want %+v", p, want)
	}
}

// TestItemPlaces holds where the items of lists are said to stand.
func TestItemPlaces(t *testing.T) {
	p, ds := Parse([]policy.Source{{Name: "p.yaml", Data: []byte(`version: 1
gateway: {uplinks: [wan0, "ppp*"]}
zones:
  - name: a
    to: &to [8.0.0.0/8, 9.0.0.0/8]
    from:
      - 10.0.0.0/16
      - 10.1.0.0/16
  - {name: b, from: 11.0.0.0/8, to: *to}
`)}})
	if p == nil {
		t.Fatal(ds)
	}
	a, b := &p.Zones[0], &p.Zones[1]
	for _, c := range []struct {
		got  policy.Pos
		want string
	}{
		{a.Item("from", 0), "p.yaml:7:9"}, {a.Item("from", 1), "p.yaml:8:9"}, {a.Item("from", 2), "p.yaml:7:7"}, {a.Item("to", 1), "p.yaml:5:25"},
		{b.Item("from", 0), "p.yaml:9:21"}, {b.Item("to", 1), "p.yaml:5:25"}, {b.Item("oif", 0), "p.yaml:9:12"}, {p.Gateway.Item("uplinks", 1), "p.yaml:2:27"},
	} {
		if c.got.String() != c.want {
			t.Errorf("got %v, want %s", c.got, c.want)
		}
	}
}

// TestPlaces holds where objects and keys are said to stand.
func TestPlaces(t *testing.T) {
	p, ds := Parse([]policy.Source{{Name: "p.yaml", Data: []byte(`version: 1
gateway: {table: x}
laddrs:
  office: {addresses: [198.51.100.1], random: true}
zones:
  - from: 10.0.0.0/8
    laddrs: office
    name: "büro-ä"
  - {from: 11.0.0.0/8, name: b}
services:
  - {name: s, vip: 203.0.113.1, ports: tcp/80, real_servers: [192.168.1.1, {weight: 1, address: 192.168.1.2}]}
tests:
  - {name: "ä ö", from: 10.0.0.1, to: 8.8.8.8, proto: icmp, expect: {zone: b}}
`)}})
	if p != nil || ds.Error() != `p.yaml:8:11: error: zone büro-ä: name: "büro-ä" is not a name [N01]` {
		t.Fatalf("got %v and %v", p, ds)
	}
	p, ds = Parse([]policy.Source{{Name: "p.yaml", Data: []byte(`version: 1
gateway: {table: x}
laddrs:
  office: {addresses: [198.51.100.1], random: true}
zones:
  - from: 10.0.0.0/8
    laddrs: office
    name: a
  - {from: 11.0.0.0/8, name: b}
services:
  - {name: s, vip: 203.0.113.1, ports: tcp/80, real_servers: [192.168.1.1, {weight: 1, address: 192.168.1.2}]}
tests:
  - {name: "ä ö", from: 10.0.0.1, to: 8.8.8.8, proto: icmp, expect: {zone: b}}
`)}})
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	for _, c := range []struct {
		what string
		got  policy.Pos
		want string
	}{
		{"gateway", p.Gateway.Pos, "2:10"},
		{"gateway.table", p.Gateway.At("table"), "2:18"},
		{"pool", p.Laddrs[0].Pos, "4:3"},
		{"pool.random", p.Laddrs[0].At("random"), "4:47"},
		{"laddr", p.Laddrs[0].Laddrs[0].Pos, "4:24"},
		{"zone a", p.Zones[0].Pos, "8:11"},
		{"zone a.from", p.Zones[0].At("from"), "6:11"},
		{"zone a.oif, not written", p.Zones[0].At("oif"), "8:11"},
		{"zone b", p.Zones[1].Pos, "9:30"},
		{"service.ports", p.Services[0].At("ports"), "11:40"},
		{"real server", p.Services[0].RealServers[0].Pos, "11:63"},
		{"real server, long form", p.Services[0].RealServers[1].Pos, "11:97"},
		{"test", p.Tests[0].Pos, "13:12"},
		{"test.to", p.Tests[0].At("to"), "13:39"},
		{"expect.zone", p.Tests[0].Expect.At("zone"), "13:76"},
	} {
		if got := c.got.String(); got != "p.yaml:"+c.want {
			t.Errorf("%s is at %s, want p.yaml:%s", c.what, got, c.want)
		}
	}
}

// TestHealthModel holds the values of health checks, and of what services do about them.
func TestHealthModel(t *testing.T) {
	p := mustLoad(t, "../../testdata/valid/health.yaml")
	web := policy.HealthCheck{Name: "web", Type: policy.CheckHTTP, Port: 8080, Interval: 2 * time.Second, Timeout: time.Second, Rise: 2, Fall: 3,
		Method: "GET", Path: "/healthz", Host: "www.example.com", Status: []policy.StatusRange{{First: 200, Last: 399}}, Body: "ok"}
	shop := policy.HealthCheck{Name: "shop", Type: policy.CheckHTTPS, Interval: 500 * time.Millisecond, Timeout: 500 * time.Millisecond, Rise: 2, Fall: 3,
		Method: "HEAD", Path: "/", SNI: "shop.example.com", CA: "/etc/snatctl/ca.pem", Verify: true,
		Status: []policy.StatusRange{{First: 200, Last: 200}, {First: 204, Last: 204}, {First: 301, Last: 302}}}
	tcp := policy.DefaultHealthCheck(policy.CheckTCP)
	tcp.Expect = "SSH-2.0"
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"http", p.HealthChecks[0], web},
		{"https", p.HealthChecks[1], shop},
		{"send", p.HealthChecks[2].Send, "PING\r\n"},
		{"record", p.HealthChecks[3].Record + " " + p.HealthChecks[3].Rcode, "AAAA NOERROR"},
		{"bytes", p.HealthChecks[4].Send, "\x01\x02"},
		{"command", p.HealthChecks[7].Command, []string{"/usr/local/bin/check-db", "--quick"}},
		{"named", p.Services[0].HealthCheck, &web},
		{"in line", p.Services[3].HealthCheck, &tcp},
		{"none", p.Services[4].HealthCheck, (*policy.HealthCheck)(nil)},
		{"quorum", p.Services[0].Quorum, policy.Quorum{Count: 2}},
		{"share", p.Services[1].Quorum, policy.Quorum{Percent: 75}},
		{"absent quorum", p.Services[2].Quorum, policy.Quorum{Count: 1}},
		{"hysteresis", p.Services[0].Hysteresis, 1},
		{"sorry servers", p.Services[1].SorryServers, []policy.RealServer{{Addr: addr("192.168.1.9"), Weight: 3}, {Addr: addr("192.168.1.8"), Weight: 3}, {Addr: addr("fd05::9"), Weight: 1}}},
		{"slow start", p.Services[0].SlowStart, 30 * time.Second},
		{"panic", p.Services[0].Panic, 30},
		{"on_down", []policy.OnDown{p.Services[0].OnDown, p.Services[1].OnDown, p.Services[3].OnDown}, []policy.OnDown{policy.DownEnd, policy.DownAuto, policy.DownKeep}},
	} {
		if diff := cmp.Diff(c.want, c.got, comparing); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.what, diff)
		}
	}
	if p.Services[0].HealthCheck != &p.HealthChecks[0] {
		t.Error("the service does not point to the check that it names")
	}
}
