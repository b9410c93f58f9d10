package integration

import (
	"fmt"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// sidePolicy has all three translations at work on the same clients. Each `%s` is a place
// for something that changes.
const sidePolicy = `
version: 1
%s
laddrs:
  shared: [198.51.100.1, "2001:db8:99::1"]
zones:
  %s
  - {name: everyone, from: [0.0.0.0/0, "::/0"], laddrs: shared}
services:
  %s
  - {name: nat, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: nat, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: fullnat, vip: [203.0.113.2, "2001:db8::2"], ports: [tcp/80, udp/80], mode: fullnat, laddrs: shared, real_servers: [192.168.1.2, "fd05::2"]}
`

// The rule B3: a connection that a NAT service sent on keeps its client, although every
// client lies in a zone, and whichever way it leaves.
func TestSideBySide(t *testing.T) {
	s := startSite(t, "")
	far := `- {name: far-nat, vip: 203.0.113.3, ports: [tcp/80, udp/80], mode: nat, real_servers: 9.9.9.9}
  - {name: far-fullnat, vip: 203.0.113.4, ports: [tcp/80, udp/80], mode: fullnat, laddrs: 198.51.100.77, real_servers: 9.9.9.9}`
	for name, gateway := range map[string]string{"uplinks": "gateway: {uplinks: [wan0, wan1]}", "any interface": ""} {
		t.Run(name, func(t *testing.T) {
			s.start(t, fmt.Sprintf(sidePolicy, gateway, "", far))
			s.check(t,
				packet{s.Office, "tcp 203.0.113.1:80", "rs1 sees 10.1.5.9"},
				packet{s.Office, "udp 203.0.113.1:80", "rs1 sees 10.1.5.9"},
				packet{s.Office, "tcp [2001:db8::1]:80", "rs1 sees fd01::9"},
				packet{s.Outside, "tcp 8.8.8.8 > 203.0.113.1:80", "rs1 sees 8.8.8.8"},
				packet{s.Office, "tcp 203.0.113.2:80", "rs2 sees 198.51.100.1"},
				packet{s.Office, "udp [2001:db8::2]:80", "rs2 sees 2001:db8:99::1"},
				packet{s.Outside, "tcp 8.8.8.8 > 203.0.113.2:80", "rs2 sees 198.51.100.1"},
				packet{s.Office, "tcp 8.8.8.8:53", "outside sees 198.51.100.1"},
				packet{s.Office, "udp [2001:db8:9::9]:53", "outside sees 2001:db8:99::1"},
				packet{s.RS[0], "tcp 8.8.8.8:53", "outside sees 198.51.100.1"},
				// The real server lies behind an uplink.
				packet{s.Office, "tcp 203.0.113.3:80", "outside sees 10.1.5.9"},
				packet{s.Office, "udp 203.0.113.3:80", "outside sees 10.1.5.9"},
				packet{s.Office, "tcp 203.0.113.4:80", "outside sees 198.51.100.77"},
				packet{s.Office, "udp 203.0.113.4:80", "outside sees 198.51.100.77"},
			)
		})
	}
}

// Streams through all three translations live through many applies and diffs that change
// everything else.
func TestStreamsOutliveApplies(t *testing.T) {
	base := fmt.Sprintf(sidePolicy, "gateway: {uplinks: [wan0, wan1]}", "", "")
	s := startSite(t, base)
	streams := map[string]*nstest.Stream{}
	for _, c := range []struct{ name, to, want string }{
		{"nat", "203.0.113.1:80", "rs1 10.1.5.9"},
		{"fullnat", "203.0.113.2:80", "rs2 198.51.100.1"},
		{"zone", "8.8.8.8:53", "outside 198.51.100.1"},
		{"nat over IPv6", "[2001:db8::1]:80", "rs1 fd01::9"},
		{"zone over IPv6", "[2001:db8:8::8]:53", "outside 2001:db8:99::1"},
	} {
		st, err := s.Office.OpenStream("", c.to)
		must(t, err)
		if got := fmt.Sprintf("%s %s", st.Answer.Host, st.Answer.Peer.Addr()); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		streams[c.name] = st
	}
	alive := func(when string) {
		for name, st := range streams {
			if err := st.Alive(); err != nil {
				t.Fatalf("%s: the %s stream: %v", when, name, err)
			}
		}
	}
	alive("before")
	for i := range 50 {
		gateway := []string{"gateway: {uplinks: [wan0, wan1]}", "gateway: {uplinks: wan*}", ""}[i%3]
		zone := fmt.Sprintf("- {name: z%d, from: [10.66.%d.0/24, \"fd66:%x::/64\"], laddrs: [198.51.100.%d, 198.51.100.200, \"2001:db8:99::%x\"]}", i, i, i, 10+i, 10+i)
		services := fmt.Sprintf("- {name: s%d, vip: 203.0.113.%d, ports: [tcp/%d, udp/%d-%d], mode: nat, real_servers: [192.168.1.%d, 192.168.1.%d]}", i, 10+i, 1000+i, 2000+i, 3000+i, 1+i%3, 4+i)
		if i%7 == 3 {
			zone = "- {name: lab, from: 10.66.0.0/16, action: drop}" // another shape of table
			services = ""
		}
		changed := fmt.Sprintf(sidePolicy, gateway, zone, services)
		wantDiff(t, s.Gateway, changed, 1)
		apply(t, s.Gateway, changed)
		if i%10 == 9 {
			wantDiff(t, s.Gateway, changed, 0)
			alive(fmt.Sprintf("after %d applies", i+1))
		}
	}
	alive("after all")
	for name, st := range streams {
		if err := st.Close(); err != nil {
			t.Errorf("the %s stream: %v", name, err)
		}
	}
}
