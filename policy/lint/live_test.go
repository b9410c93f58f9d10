package lint

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// masquerading is a policy without a fault, for rules about the host alone.
const masquerading = `version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade, exclude: 10.0.0.0/8}
`

// healthy is a host that no policy of the examples has a fault on: inside networks at lan0,
// the internet behind wan0.
func healthy() Host {
	return Host{
		Interfaces: []Interface{
			{Name: "lan0", Up: true, Addrs: prefixes("10.1.0.1/16")},
			{Name: "wan0", Up: true, Addrs: prefixes("20.0.2.1/24", "20.0.2.9/24")},
		},
		Routes: []Route{
			{Dst: prefix("0.0.0.0/0"), Interface: "wan0", Gateway: netip.MustParseAddr("20.0.2.254"), Table: 254},
			{Dst: prefix("10.1.0.0/16"), Interface: "lan0", Table: 254},
			{Dst: prefix("20.0.2.0/24"), Interface: "wan0", Table: 254},
			{Dst: prefix("20.0.9.0/28"), Table: 254}, // blackhole
			{Dst: prefix("10.1.0.1/32"), Interface: "lan0", Table: 255, Local: true},
			{Dst: prefix("20.0.2.1/32"), Interface: "wan0", Table: 255, Local: true},
		},
		Sysctls: map[string]string{
			"net/ipv4/ip_forward": "0", "net/ipv6/conf/all/forwarding": "0",
			"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/wan0/rp_filter": "1",
			"net/ipv4/ip_local_port_range":           "32768\t60999",
			"net/netfilter/nf_conntrack_udp_timeout": "120",
			"net/netfilter/nf_conntrack_acct":        "1", "net/netfilter/nf_conntrack_timestamp": "1", "net/netfilter/nf_conntrack_events": "1",
		},
		Listeners: []Listener{},
		Chains:    []BaseChain{{Family: "ip", Table: "nat", Name: "POSTROUTING", Type: "nat", Hook: "postrouting", Priority: 100, Empty: true}},
		Units:     []Unit{{Name: "nftables.service"}},
		Conntrack: Conntrack{Count: 60_000, Max: 262_144, Buckets: 262_144},
		Kernel:    "6.1.0",
	}
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func prefixes(ss ...string) (out []netip.Prefix) {
	for _, s := range ss {
		out = append(out, prefix(s))
	}
	return out
}

// hosts are the machines of the examples: bad makes of a healthy one that of the bad example,
// good that of the good one.
var hosts = map[string]struct{ bad, good func(h *Host) }{
	"Z11": {}, "Z12": {}, "P09": {bad: owns("20.0.2.2/32"), good: owns("20.0.2.2/32")}, "P03": {}, "H04": {},
	"H01": {bad: func(h *Host) { h.Chains[0].Empty = false }},
	"H02": {bad: func(h *Host) { h.Units[0].Enabled = true }},
	"H03": {bad: func(h *Host) { h.Missing = []Missing{{What: "masquerade in tables of family inet", Since: "5.2"}} }},
	"H05": {bad: secondUplink("1"), good: secondUplink("2")},
	"H06": {bad: func(h *Host) {
		h.Chains = []BaseChain{{Family: "ip", Table: "filter", Name: "FORWARD", Type: "filter", Hook: "forward", Drops: true}}
	}},
	"H08": {bad: func(h *Host) {
		h.Clashes = []Clash{{Table: "edge", Kind: "service", Name: "web", Other: "service shop", What: "20.0.1.1 tcp/80"}}
	}},
	"F12": {bad: func(h *Host) {
		h.Withdrawn = []Withdrawn{{Pool: "office", Laddrs: []inet.Range{inet.PrefixRange(prefix("20.0.2.0/31"))}, Flows: 12}}
	}},
	"A10": {bad: func(h *Host) { h.Files = map[string]File{"/etc/snatctl/ca.pem": {Exists: true}} },
		good: func(h *Host) { h.Files = map[string]File{"/etc/snatctl/ca.pem": {Exists: true, PEM: true}} }},
	"A11": {bad: func(h *Host) { h.Names = map[string]bool{"www.exmaple.com": false} }, good: func(h *Host) { h.Names = map[string]bool{"www.example.com": true} }},
	"S23": {bad: inside("192.168.1.9"), good: inside("192.168.1.9")},
	"S24": {bad: dialUp(), good: dialUp("20.0.4.7")},
	"S39": {bad: sysctl(PickUpKey, "1"), good: sysctl(PickUpKey, "1")},
	"S40": {bad: func(h *Host) { h.Routes = h.Routes[1:] }, good: func(h *Host) { h.Routes = h.Routes[1:] }},
	"C01": {bad: func(h *Host) { h.Conntrack.Max = 65536; h.Conntrack.Buckets = 65536 }},
	"C02": {bad: sysctl("net/netfilter/nf_conntrack_udp_timeout", "30"), good: sysctl("net/netfilter/nf_conntrack_udp_timeout", "30")},
	"B04": {bad: tunnel(1420), good: tunnel(1420)}, "B05": {bad: tunnel(1420), good: tunnel(1420)},
	"R05": {bad: sysctl("net/netfilter/nf_conntrack_udp_timeout", "180"), good: sysctl("net/netfilter/nf_conntrack_udp_timeout", "180")},
	"X16": {bad: func(h *Host) { h.Sysctls["net/netfilter/nf_conntrack_helper"] = "1" }},
	"C03": {bad: func(h *Host) { h.Sysctls["net/netfilter/nf_conntrack_acct"] = "0" }},
}

func sysctl(key, value string) func(h *Host) {
	return func(h *Host) { h.Sysctls[key] = value }
}

func owns(addr string) func(h *Host) {
	return func(h *Host) { h.Interfaces[1].Addrs = append(h.Interfaces[1].Addrs, prefix(addr)) }
}

// inside gives the host the network of real servers, with neighbours that it has met.
func inside(seen ...string) func(h *Host) {
	return func(h *Host) {
		h.Interfaces = append(h.Interfaces, Interface{Name: "dc0", Up: true, Addrs: prefixes("192.168.1.254/24", "fd05::fe/64", "172.16.0.1/12")})
		h.Routes = append(h.Routes, Route{Dst: prefix("192.168.9.0/24"), Interface: "dc0", Gateway: netip.MustParseAddr("192.168.1.200"), Table: 254})
		h.Neighbours = []netip.Addr{}
		for _, a := range seen {
			h.Neighbours = append(h.Neighbours, netip.MustParseAddr(a))
		}
	}
}

// tunnel gives the host real servers' networks, and more of them behind a tunnel that takes packets of some size.
func tunnel(mtu int) func(h *Host) {
	return func(h *Host) {
		inside()(h)
		for i := range h.Interfaces {
			h.Interfaces[i].MTU = 1500
		}
		h.Interfaces = append(h.Interfaces, Interface{Name: "wg0", Up: true, MTU: mtu, Addrs: prefixes("10.9.0.1/24", "fd09::1/64")})
		h.Routes = append(h.Routes,
			Route{Dst: prefix("192.168.1.0/24"), Interface: "dc0", Table: 254}, Route{Dst: prefix("fd05::/64"), Interface: "dc0", Table: 254},
			Route{Dst: prefix("10.9.0.0/24"), Interface: "wg0", Table: 254}, Route{Dst: prefix("fd09::/64"), Interface: "wg0", Table: 254},
			Route{Dst: prefix("192.168.19.0/24"), Interface: "wg0", Table: 254}, Route{Dst: prefix("fd19::/64"), Interface: "wg0", Table: 254})
	}
}

// dialUp gives the host a PPPoE link with addresses.
func dialUp(addrs ...string) func(h *Host) {
	return func(h *Host) {
		link := Interface{Name: "dsl0", Up: true}
		for _, a := range addrs {
			link.Addrs = append(link.Addrs, prefix(a+"/32"))
			link.Global = append(link.Global, netip.MustParseAddr(a))
		}
		h.Interfaces = append(h.Interfaces, link)
	}
}

// telling is a policy with one service that tells who called, with the laddrs and real servers given; other keys of the
// gateway may follow `addresses`.
func telling(gateway, laddrs, servers string) string {
	return "\nversion: 1\ngateway: {addresses: routes" + gateway + "}\nservices:\n  - {name: web, vip: [20.0.1.1, \"2a0e:1::1\"], ports: tcp/80, mode: fullnat, client_address: toa, laddrs: [" + laddrs + "], real_servers: [" + servers + "]}\n"
}

// nat is a policy with one NAT service that has the given keys, too.
func nat(keys string) string {
	return "\nversion: 1\nservices:\n  - {name: web, vip: [20.0.1.1, \"2a0e:1::1\"], ports: tcp/80, real_servers: [192.168.1.1, 192.168.1.2, \"fd05::1\"]" + keys + "}\n"
}

func secondUplink(filter string) func(h *Host) {
	return func(h *Host) {
		h.Interfaces = append(h.Interfaces, Interface{Name: "wan1", Up: true, Addrs: prefixes("20.0.3.1/24")})
		h.Routes = append(h.Routes, Route{Dst: prefix("20.0.3.0/24"), Interface: "wan1", Table: 254})
		h.Sysctls["net/ipv4/conf/wan1/rp_filter"] = filter
	}
}

// TestLiveExamples holds that the bad example of every rule about hosts breaks this rule alone
// on its host, and the good one none on its own.
func TestLiveExamples(t *testing.T) {
	for _, r := range Rules() {
		if !r.Live {
			continue
		}
		t.Run(r.Code, func(t *testing.T) {
			on, ok := hosts[r.Code]
			if !ok {
				t.Fatal("no host for its examples")
			}
			got := lintHost(t, r.Bad, on.bad)
			if !slices.Equal(codes(got), []string{r.Code}) || got[0].Severity != r.Severity {
				t.Errorf("the bad example gives\n%v", got.Error())
			}
			if got := lintHost(t, r.Good, on.good); len(got) > 0 {
				t.Errorf("the good example gives\n%v", got.Error())
			}
		})
	}
}

// lintHost returns what the rules about hosts say of a policy, on a healthy host that is
// changed.
func lintHost(t *testing.T, text string, change func(*Host)) policy.Diagnostics {
	t.Helper()
	srcs := []policy.Source{{Name: "policy.yaml", Data: []byte(text)}}
	p, ds := read.Parse(srcs)
	if p == nil {
		t.Fatal(ds)
	}
	if p.Everywhere() {
		p, _ = p.At(p.NodeNames()[0]) // a host is one node
	}
	h := healthy()
	if change != nil {
		change(&h)
	}
	ds = CheckHost(p, h)
	checkPositions(t, srcs, ds)
	checkNeeds(t, p, h, ds)
	return Apply(ds, srcs, Ran{Host: true})
}

// TestUnknownHost holds that nothing is said about a host that nothing is known of.
func TestUnknownHost(t *testing.T) {
	for _, r := range Rules() {
		p, _ := read.Parse([]policy.Source{{Name: "policy.yaml", Data: []byte(r.Bad)}})
		if p == nil {
			continue
		}
		if ds := CheckHost(p, Host{}); len(ds) > 0 {
			t.Errorf("of a host unknown, %s's bad example gives\n%v", r.Code, ds.Error())
		}
	}
}

const services = `
version: 1
services:
  - {name: web, vip: [20.0.2.9, "2001:db8::9"], ports: [tcp/80, udp/53], real_servers: [192.168.1.1, 192.168.1.2, "fd05::1", "fd05::2"]}
`

// TestLive holds what rules say on hosts that have some fault, and what they leave alone.
func TestLive(t *testing.T) {
	listens := func(l Listener) func(*Host) { return func(h *Host) { h.Listeners = append(h.Listeners, l) } }
	chain := func(c BaseChain) func(*Host) { return func(h *Host) { h.Chains = []BaseChain{c} } }
	zone := func(rest string) string {
		return "version: 1\ngateway: {uplinks: [wan0, \"ppp*\"]}\nzones:\n  - {name: office, " + rest + "}\n"
	}
	also := func(routes ...Route) func(*Host) {
		return func(h *Host) { tunnel(1420)(h); h.Routes = append(h.Routes, routes...) }
	}
	own, far := "192.168.1.250-192.168.1.253", "10.9.0.2-10.9.0.5"
	any4, any6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	for _, c := range []struct {
		name, policy string
		change       func(*Host)
		want         string // codes and, of a single finding, a part of its text
	}{
		{"listener on the VIP", services, listens(Listener{inet.TCP, netip.MustParseAddr("20.0.2.9"), 80, "nginx"}), "S03 nginx listens on tcp/80 at the VIP 20.0.2.9"},
		{"listener anywhere, the VIP an address of the host", services, listens(Listener{inet.UDP, any4, 53, ""}), "S03 a program of this host listens on udp/53"},
		{"listener of both families", services, listens(Listener{inet.TCP, any6, 80, ""}), "S03 "},
		{"listener on another address", services, listens(Listener{inet.TCP, netip.MustParseAddr("127.0.0.1"), 80, ""}), ""},
		{"listener on another port", services, listens(Listener{inet.TCP, any4, 8080, ""}), ""},
		{"listener of another protocol", services, listens(Listener{inet.UDP, any4, 80, ""}), ""},
		{"listener anywhere, the VIP only routed here", strings.Replace(services, "20.0.2.9", "20.0.5.5", 1), listens(Listener{inet.TCP, any4, 80, ""}), ""},

		{"neighbours that are real servers, a router and the host", nat(""), inside("192.168.1.1", "192.168.1.2", "fd05::1", "192.168.1.200", "192.168.1.254", "20.0.2.254"), ""},
		{"an IPv6 neighbour", nat(""), inside("fd05::9"), "S23 the real server fd05::1 and the neighbour fd05::9 share the network fd05::/64 of the interface dc0"},
		{"a neighbour of a family without a VIP", strings.Replace(nat(""), ", \"2a0e:1::1\"", "", 1), inside("fd05::9"), ""},
		{"a neighbour elsewhere", nat(""), inside("10.1.5.9", "20.0.2.7"), ""},
		{"a neighbour that is denied", nat(", deny: 192.168.1.0/28"), inside("192.168.1.9"), ""},
		{"a neighbour that is not allowed", nat(", allow: 10.0.0.0/8"), inside("192.168.1.9"), ""},
		{"a neighbour among all that are allowed", nat(", allow: 0.0.0.0/0"), inside("192.168.1.9"), "S23 the neighbour 192.168.1.9"},
		{"a neighbour that a hairpin holds", nat(", hairpin: 192.168.1.8-192.168.1.9"), inside("192.168.1.9"), ""},
		{"a neighbour beside a hairpin for real servers", nat(", hairpin: true"), inside("192.168.1.9"), "S23 "},
		{"nobody calls", nat(", hairpin: false"), inside("192.168.1.9"), ""},
		{"a neighbour of fullnat", nat(", mode: fullnat, laddrs: [192.168.1.254, \"fd05::fe\"]"), inside("192.168.1.9"), ""},
		{"clients on a wide network", strings.Replace(nat(""), "192.168.1.2", "172.16.5.1", 1) + "zones:\n  - {name: lan, from: 172.20.0.0/16, action: accept}\n", inside(),
			"S23 the real server 172.16.5.1 and clients 172.20.0.0/16 share the network 172.16.0.0/12 of the interface dc0"},
		{"clients that are seen without a host", nat("") + "zones:\n  - {name: lan, from: 192.168.1.0/24, action: accept}\n", inside("192.168.1.9"), ""},

		{"laddrs of the real servers' network", telling("", own, "192.168.1.1"), tunnel(1420), ""},
		{"laddrs of no network", telling("", "10.77.0.2-10.77.0.5", "192.168.1.1"), tunnel(1420), ""},
		{"laddrs of another network", telling("", "20.0.2.5-20.0.2.8", "192.168.1.1"), tunnel(1420), "B04 the real server 192.168.1.1 is behind dc0, and the laddr 20.0.2.5 belongs to the network 20.0.2.0/24 of wan0"},
		{"laddrs of IPv6 of another network", telling("", own+`, "fd09::5", "fd09::6"`, `192.168.1.1, "fd05::1"`), tunnel(1420), "B04 the real server fd05::1 is behind dc0, and the laddr fd09::5 belongs to the network fd09::/64 of wg0"},
		{"one network of several", telling("", own+", 20.0.2.5", "192.168.1.1"), tunnel(1420), "B04 the laddr 20.0.2.5"},
		{"laddrs behind a router", telling("", "192.168.9.5-192.168.9.8", "192.168.1.1"), tunnel(1420), "B04 the laddr 192.168.9.5 is in 192.168.9.0/24, which is behind the router 192.168.1.200: answers of the real server 192.168.1.1 go there"},
		{"laddrs that a blackhole holds", telling("", "20.0.9.1-20.0.9.4", "192.168.1.1"), tunnel(1420), ""},
		{"real servers by several ways, one of the laddrs'", telling("", own, "192.168.7.1"), also(Route{Dst: prefix("192.168.7.0/24"), Interface: "dc0", Table: 254}, Route{Dst: prefix("192.168.7.0/24"), Interface: "wan0", Table: 254}), ""},
		{"a real server without a way", telling("", own, "192.168.1.1"), func(h *Host) { tunnel(1420)(h); h.Routes = h.Routes[2:3] }, ""},
		{"a sorry server elsewhere", strings.Replace(telling("", own, "192.168.1.1"), "real_servers:", "sorry_servers: [192.168.19.3], real_servers:", 1), tunnel(1492), "B04 B05"},

		{"a tunnel's own network", telling("", far, "10.9.0.9"), tunnel(1420), ""},
		{"a network behind a tunnel", telling("", far, "192.168.19.1"), tunnel(1420), "B05 to the real server 192.168.19.1 leads wg0, which takes packets of 1420 bytes, and clients may send as many, with an MSS of 1452: the first one with data has no room for the 8 bytes of the option"},
		{"over IPv6", telling("", far+`, "fd09::2", "fd09::3"`, `"fd19::1"`), tunnel(1420), "B05 with an MSS of 1420: the first one with data has no room for the 20 bytes"},
		{"mss: clamp", telling(", mss: clamp", far, "192.168.19.1"), tunnel(1420), "B05 with an MSS of 1380:"},
		{"mss too large", telling(", mss: 1373", far, "192.168.19.1"), tunnel(1420), "B05 with an MSS of 1373:"},
		{"mss with room", telling(", mss: 1372", far, "192.168.19.1"), tunnel(1420), ""},
		{"mss with room over IPv6", telling(", mss: 1340", far+`, "fd09::2", "fd09::3"`, `"fd19::1"`), tunnel(1420), ""},
		{"a usual network behind a tunnel with room", telling("", far, "192.168.19.1"), tunnel(1500), ""},
		{"jumbo packets between gateway and real servers", telling("", far, "192.168.19.1"), tunnel(9000), ""},
		{"jumbo packets of clients", telling("", own, "192.168.1.1"), func(h *Host) { tunnel(1420)(h); h.Interfaces[1].MTU = 9000 }, ""},
		{"a route with an MTU", telling("", own, "192.168.8.1"), also(Route{Dst: prefix("192.168.8.0/24"), Interface: "dc0", Gateway: netip.MustParseAddr("192.168.1.200"), Table: 254, MTU: 1400}),
			"B05 to the real server 192.168.8.1 leads dc0, on a route for packets of 1400 bytes, and clients may send as many, with an MSS of 1452:"},
		{"a route with an MTU to the network itself", telling("", own, "192.168.1.1"), also(Route{Dst: prefix("192.168.1.0/28"), Interface: "dc0", Table: 254, MTU: 1400}), "B05 1400 bytes"},
		{"clients send less", telling("", far, "192.168.19.1"), func(h *Host) {
			tunnel(1420)(h)
			for i := range h.Interfaces {
				h.Interfaces[i].MTU = min(h.Interfaces[i].MTU, 1420)
			}
			h.Interfaces[3].MTU = 1428
		}, ""},
		{"one interface for all", telling("", far, "192.168.19.1"), func(h *Host) { tunnel(1420)(h); h.Interfaces = h.Interfaces[3:] }, "B05 "},
		{"a network with hardly any room", telling("", own, "192.168.1.1"), func(h *Host) { tunnel(1420)(h); h.Interfaces[2].MTU = 576 }, "B05 576 bytes"},
		{"with a SYN proxy", strings.Replace(telling("", far, "192.168.19.1"), "ports:", "syn_proxy: true, ports:", 1), tunnel(1420), ""},
		{"routes that rules choose", telling("", own, "192.168.1.1"), also(Route{Dst: prefix("0.0.0.0/0"), Interface: "wg0", Table: 101}), ""},
		{"routes that rules choose alone", telling("", far, "172.31.0.1"), func(h *Host) {
			also(Route{Dst: prefix("172.31.0.0/16"), Interface: "wg0", Table: 101})(h)
			h.Routes = h.Routes[1:] // no default route
		}, "B05 172.31.0.1"},

		{"docker's chain before services", services, chain(BaseChain{Family: "ip", Table: "nat", Name: "PREROUTING", Type: "nat", Hook: "prerouting", Priority: -150}), "H01 chain PREROUTING of table ip nat (nat, prerouting, priority -150)"},
		{"a chain at the same priority", services, chain(BaseChain{Family: "inet", Table: "x", Name: "y", Type: "nat", Hook: "output", Priority: -100}), "H01 "},
		{"a chain behind", services, chain(BaseChain{Family: "ip", Table: "x", Name: "y", Type: "nat", Hook: "prerouting", Priority: -99}), ""},
		{"a chain that filters", services, chain(BaseChain{Family: "ip", Table: "x", Name: "y", Type: "filter", Hook: "prerouting", Priority: -300}), ""},
		{"a hook that is not used", services, chain(BaseChain{Family: "ip", Table: "x", Name: "y", Type: "nat", Hook: "postrouting", Priority: 0}), ""},
		{"a family that is not used", zone("from: 10.1.0.0/16, action: masquerade"), chain(BaseChain{Family: "ip6", Table: "x", Name: "y", Type: "nat", Hook: "postrouting", Priority: 0}), ""},

		{"a chain that lets some pass", services, chain(BaseChain{Family: "inet", Table: "fw", Name: "f", Type: "filter", Hook: "forward", Drops: true, Passes: 2}), "H06 only what one of 2 rules before lets pass"},
		{"a family that drops and is not used", zone("from: 10.1.0.0/16, action: masquerade"), chain(BaseChain{Family: "ip6", Table: "filter", Name: "FORWARD", Type: "filter", Hook: "forward", Drops: true}), ""},

		{"a wild name without an interface", zone("from: 10.1.0.0/16, iif: \"eth*\", action: masquerade"), nil, ""},
		{"an entrance that is not there", zone("from: 10.1.0.0/16, iif: [lan0, lan1], action: masquerade"), nil, "Z11 there is no interface lan1"},
		{"a second table of routes", zone("from: 10.3.0.0/16, action: masquerade"), func(h *Host) {
			h.Routes = append(h.Routes, Route{Dst: prefix("10.0.0.0/8"), Interface: "lan0", Table: 100})
		}, ""},
		{"a wider route inside, a narrower one outside", zone("from: 10.3.0.0/16, action: masquerade"), func(h *Host) {
			h.Routes = append(h.Routes, Route{Dst: prefix("10.0.0.0/8"), Interface: "lan0", Table: 254}, Route{Dst: prefix("10.3.0.0/16"), Interface: "wan0", Table: 254})
		}, "Z12 no inside interface of this host has a route to 10.3.0.0/16"},
		{"a route of several ways", zone("from: 10.3.0.0/16, action: masquerade"), func(h *Host) {
			h.Routes = append(h.Routes, Route{Dst: prefix("10.3.0.0/16"), Interface: "wan0", Table: 254}, Route{Dst: prefix("10.3.0.0/16"), Interface: "lan0", Table: 254})
		}, ""},
		{"sources that are dropped", zone("from: 10.3.0.0/16, action: drop"), nil, ""},
		{"every source", zone("from: 0.0.0.0/0, action: masquerade"), nil, ""},
		{"sources entered by an uplink", zone("from: 10.3.0.0/16, iif: wan0, action: masquerade"), nil, ""},

		{"a strict entrance, routed by another", zone("from: 10.1.0.0/16, iif: wan0, action: masquerade"), nil, "H05 rp_filter is strict on wan0, and 10.1.0.0/16 is routed by another interface"},
		{"strict everywhere, one uplink", zone("from: 10.1.0.0/16, action: masquerade"), func(h *Host) { h.Sysctls["net/ipv4/conf/all/rp_filter"] = "1" }, ""},
		{"two uplinks, each with a table of its own", "version: 1\ngateway: {uplinks: [wan0, wan1]}\nzones:\n  - {name: office, from: 10.1.0.0/16, action: masquerade}\n", func(h *Host) {
			secondUplink("1")(h)
			h.Routes = append(h.Routes, Route{Dst: prefix("0.0.0.0/0"), Interface: "wan1", Table: 101})
		}, ""},

		{"a laddr that a local route brings", zone("from: 10.1.0.0/16, laddrs: 30.0.0.1"), func(h *Host) {
			h.Routes = append(h.Routes, Route{Dst: prefix("30.0.0.0/24"), Interface: "lo", Table: 255, Local: true})
		}, ""},
		{"a laddr nowhere, and apply sees to it", strings.Replace(zone("from: 10.1.0.0/16, laddrs: [30.0.0.1, 20.0.2.1]"), "gateway: {", "gateway: {addresses: routes, ", 1), nil, ""},
		{"laddrs for an interface that is not there", strings.Replace(zone("from: 10.1.0.0/16, laddrs: [30.0.0.1, 20.0.2.1]"), "gateway: {", "gateway: {addresses: {assign: wan7}, ", 1), nil, "Z11 there is no interface wan7 on this host to put the VIPs and laddrs on"},
		{"a laddr nowhere", zone("from: 10.1.0.0/16, laddrs: [30.0.0.1, 20.0.2.1]"), nil, "P03 30.0.0.1;"},
		{"a blackhole on the link", zone("from: 10.1.0.0/16, laddrs: 20.0.2.77"), func(h *Host) {
			h.Routes = append(h.Routes, Route{Dst: prefix("20.0.2.77/32"), Table: 254})
		}, "P03 20.0.2.77;"},
		{"an unreachable default route", zone("from: 10.1.0.0/16, laddrs: 30.0.0.1"), func(h *Host) {
			h.Routes = append(h.Routes, Route{Dst: prefix("0.0.0.0/0"), Table: 254})
		}, "P03 30.0.0.1;"},
		{"a map's prefix nowhere", zone("from: 10.1.0.0/24, map: 30.0.0.0/24"), nil, "P03 30.0.0.0/24;"},

		{"ports reserved", ports, func(h *Host) { h.Sysctls["net/ipv4/ip_local_reserved_ports"] = "8080,32768-50000,50001-60999" }, ""},
		{"some ports reserved", ports, func(h *Host) { h.Sysctls["net/ipv4/ip_local_reserved_ports"] = "32768-50000,50002-60999" }, "P09 20.0.2.1"},

		{"firewalld that flushes", masquerading, func(h *Host) {
			h.Units, h.FirewalldFlushes = []Unit{{Name: "firewalld.service", Active: true}}, true
		}, "H02 firewalld.service is active"},
		{"firewalld that does not", masquerading, func(h *Host) { h.Units = []Unit{{Name: "firewalld.service", Active: true}} }, ""},
		{"forwarding off, both families", strings.Replace(services, "services:", "gateway: {forwarding: false}\nservices:", 1), nil, "H04 H04"},
		{"connections in the middle are invalid", masquerading, func(h *Host) { h.Sysctls[PickUpKey] = "0" }, "H07 net.netfilter.nf_conntrack_tcp_loose is 0"},
		{"connections in the middle are taken up", masquerading, func(h *Host) { h.Sysctls[PickUpKey] = "1" }, ""},
		{"connections in the middle are for a SYN proxy", strings.Replace(services, "tcp/80, udp/53]", "tcp/80, udp/53], syn_proxy: true", 1) + "gateway: {addresses: routes}\n", func(h *Host) { h.Sysctls[PickUpKey] = "0" }, ""},
		{"few buckets", masquerading, func(h *Host) { h.Conntrack.Buckets = 65_535 }, "C01 65535 buckets for 262144 flows"},
		{"buckets enough", masquerading, func(h *Host) { h.Conntrack.Buckets = 65_536 }, ""},
		{"three quarters full", masquerading, func(h *Host) { h.Conntrack.Count = 262_144 / 4 * 3 }, ""},
		{"timeouts of two RFCs are one finding", masquerading, func(h *Host) {
			h.Sysctls["net/netfilter/nf_conntrack_icmp_timeout"], h.Sysctls["net/netfilter/nf_conntrack_tcp_timeout_fin_wait"] = "30", "120"
		}, "C02 icmp_timeout 30 < 60 s (RFC 5508, REQ-2)"},
		{"timeouts that the policy decides", strings.Replace(masquerading, "gateway: {", "gateway: {timeouts: {udp: 120s, icmp: 60s}, ", 1), func(h *Host) {
			h.Sysctls["net/netfilter/nf_conntrack_udp_timeout_stream"], h.Sysctls["net/netfilter/nf_conntrack_icmp_timeout"] = "30", "30"
			h.Sysctls["net/netfilter/nf_conntrack_tcp_timeout_fin_wait"] = "120"
		}, "C02 tcp_timeout_fin_wait 120 < 240 s"},
		{"timeouts of the host that count no more", strings.Replace(masquerading, "gateway: {", "gateway: {timeouts: {udp: 120s}, ", 1), func(h *Host) {
			h.Sysctls["net/netfilter/nf_conntrack_udp_timeout_stream"] = "600"
		}, "R05 net.netfilter.nf_conntrack_udp_timeout_stream is 600 s, and udp_stream is 120 s"},
		{"events of listeners alone", masquerading, func(h *Host) { h.Sysctls["net/netfilter/nf_conntrack_events"] = "2" }, "C03 net.netfilter.nf_conntrack_events is 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ds := lintHost(t, c.policy, c.change)
			var got []string
			for _, d := range ds {
				got = append(got, d.Code)
			}
			code, text, _ := strings.Cut(c.want, " ")
			if strings.Join(got, " ") == c.want || len(ds) == 1 && got[0] == code && strings.Contains(ds[0].Msg, text) {
				return
			}
			t.Errorf("found\n%v\nwant %q", ds.Error(), c.want)
		})
	}
}

const ports = `
version: 1
gateway: {uplinks: [wan0]}
laddrs:
  office: {addresses: [20.0.2.1, 20.0.2.9], ports: 1024-65535}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office}
`
