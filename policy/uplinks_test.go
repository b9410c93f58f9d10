package policy_test

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/policy"
)

const twoUplinks = `
version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: [192.0.2.254, "fe80::1"], weight: 3}
    isp2: {interface: wan1, gateway: 198.51.100.254}
zones:
  - {name: mail, from: 10.1.0.25, ports: tcp/25, uplink: isp2, laddrs: 198.51.100.25}
  - {name: first, from: [10.1.0.0/16, "fd01::/64"], uplink: [isp2, isp1], laddrs: {isp1: [192.0.2.1, "2001:db8::1"], isp2: 198.51.100.1}}
  - {name: all, from: 10.2.0.0/16, uplink: balance, laddrs: {isp1: 192.0.2.2, isp2: 198.51.100.2}}
  - {name: routes, from: 10.3.0.0/16, action: masquerade}
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, real_servers: 192.168.1.1}
tests:
  - {from: 10.1.0.1, to: 8.8.8.8, proto: icmp, expect: {zone: first, uplink: isp2, snat: 198.51.100.1}}
  - {from: 10.2.0.1, to: 8.8.8.8, proto: icmp, expect: {zone: all, uplink: [isp1, isp2], snat: [192.0.2.2, 198.51.100.2]}}
  - {from: 10.2.0.1, to: 8.8.8.8, proto: icmp, oif: wan1, expect: {zone: all, snat: 198.51.100.2}}
`

// Which uplink a packet may be sent through, and with which source it leaves.
func TestDecideUplinks(t *testing.T) {
	p := parsed(t, twoUplinks)
	for _, o := range p.RunTests() {
		if o.Failed() {
			t.Errorf("%s: %+v, of %q", o.Test.Name, o.Mismatches, o.Decision.Steps)
		}
	}
	down := p.With(policy.State{Uplinks: map[string]policy.UplinkState{"isp2": {Down: true}}})
	none := p.With(policy.State{Uplinks: map[string]policy.UplinkState{"isp1": {Down: true}, "isp2": {Down: true}}})
	if none.With(policy.State{}) != p || down.Written() != p || &down.Services[0] != &p.Services[0] {
		t.Error("a state of uplinks does more than that")
	}
	for _, c := range []struct {
		p               *policy.Policy
		packet, uplinks string
		snat            string
		step            string
	}{
		{p, "tcp 10.1.0.25:9 > 8.8.8.8:25", "isp2", "198.51.100.25", ""},
		{down, "tcp 10.1.0.25:9 > 8.8.8.8:25", "isp2", "198.51.100.25", "for all are down"},
		{p, "tcp 10.1.0.25:9 > 8.8.8.8:26", "isp2", "198.51.100.1", ""},
		{down, "tcp 10.1.0.25:9 > 8.8.8.8:26", "isp1", "192.0.2.1", "for isp2 is down"},
		{none, "tcp 10.1.0.25:9 > 8.8.8.8:26", "isp2", "198.51.100.1", "for all are down"},
		{p, "tcp [fd01::1]:9 > [2001:db8:8::8]:26", "isp1", "2001:db8::1", "isp2 carries no IPv6"},
		{p, "tcp 10.2.0.25:9 > 8.8.8.8:26", "isp1 isp2", "192.0.2.2, 198.51.100.2", "by their weights"},
		{down, "tcp 10.2.0.25:9 > 8.8.8.8:26", "isp1", "192.0.2.2", ""},
		{p, "tcp 10.3.0.25:9 > 8.8.8.8:26", "", "masquerade", ""},
	} {
		d := c.p.DecideAll(packet(t, p, c.packet+" oif="))
		if got := strings.Join(d.Uplinks, " "); got != c.uplinks || d.Source().String() != c.snat || !strings.Contains(strings.Join(d.Steps, "\n"), c.step) {
			t.Errorf("%s: through %q as %s:\n%s", c.packet, got, d.Source(), strings.Join(d.Steps, "\n"))
		}
	}
	web := packet(t, p, "tcp 10.2.0.25:9 > 203.0.113.10:80")
	if web.IIf = "wan1"; p.Decide(web).Answers != "isp2" || p.Decide(web).Uplinks != nil {
		t.Errorf("what comes in by wan1 is answered by %q", p.Decide(web).Answers)
	}
}

// An uplink keeps its number, whatever others come and go.
func TestUplinkNumbers(t *testing.T) {
	g := policy.DefaultGateway()
	for _, name := range []string{"isp1", "isp2", "dsl", "lte", "fiber"} {
		g.Routed = append(g.Routed, policy.Uplink{Name: name})
	}
	all := g.Numbers()
	g.Routed = g.Routed[1:4]
	for name, n := range g.Numbers() {
		if all[name] != n || n < 1 || n > policy.MaxUplinks {
			t.Errorf("%s has the number %d, and had %d", name, n, all[name])
		}
	}
	g.RoutingTables = policy.Tables{First: 1000, Last: 1002}
	if got := g.Numbers(); len(got) != 3 || got["isp2"]+got["dsl"]+got["lte"] != 6 {
		t.Errorf("three tables are given out as %v", got)
	}
}

// What a SYN proxy answers has no uplink, whoever calls: its segments belong to no flow, and then it opens the
// connection itself. While it does not answer all is as ever.
func TestProxiedHasNoUplink(t *testing.T) {
	p := parsed(t, strings.Replace(twoUplinks, "ports: tcp/80,", "ports: [tcp/80, udp/80], syn_proxy: true,", 1))
	down := p.With(policy.State{Services: map[string]policy.ServiceState{"web": {Closed: true}}})
	for _, c := range []struct {
		p                        *policy.Policy
		packet, uplinks, answers string
	}{
		{p, "tcp 10.1.0.25:9 > 203.0.113.10:80 oif=", "", ""},
		{p, "tcp 10.1.0.25:9 > 203.0.113.10:80 iif=wan1", "", ""},
		{p, "udp 10.1.0.25:9 > 203.0.113.10:80 oif=", "isp2", ""},
		{p, "udp 10.1.0.25:9 > 203.0.113.10:80 iif=wan1", "", "isp2"},
		{p, "tcp 10.1.0.25:9 > 203.0.113.10:81 iif=wan1", "", "isp2"},
		{down, "tcp 10.1.0.25:9 > 203.0.113.10:80 iif=wan1", "", "isp2"},
	} {
		d := c.p.DecideAll(packet(t, p, c.packet))
		if got := strings.Join(d.Uplinks, " "); got != c.uplinks || d.Answers != c.answers {
			t.Errorf("%s: through %q, answers by %q; want %q, %q:\n%s", c.packet, got, d.Answers, c.uplinks, c.answers, strings.Join(d.Steps, "\n"))
		}
		if says := strings.Contains(strings.Join(d.Steps, "\n"), "by the routes of the host"); says != (c.uplinks+c.answers == "") {
			t.Errorf("%s: explained by\n%s", c.packet, strings.Join(d.Steps, "\n"))
		}
	}
}
