package integration

import (
	"context"
	"testing"
)

// The gateway calls VIPs like anyone else; zones and `unmatched` do not concern it.
func TestGatewaysOwnTraffic(t *testing.T) {
	s := startSite(t, "")
	for name, uplinks := range map[string]string{"uplinks": "uplinks: [wan0, wan1], ", "any interface": ""} {
		t.Run(name, func(t *testing.T) {
			s.start(t, `
version: 1
gateway: {`+uplinks+`unmatched: drop}
zones:
  - {name: gateway-networks, from: [192.0.2.0/24, "2001:db8:2::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
  - {name: everyone, from: [0.0.0.0/0, "::/0"], action: drop}
services:
  - {name: nat, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: nat, real_servers: ["192.168.1.1:8080", "[fd05::1]:8080"]}
  - {name: fullnat, vip: [203.0.113.2, "2001:db8::2"], ports: [tcp/80, udp/80], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: [192.168.1.2, "fd05::2"]}
  - {name: range, vip: 203.0.113.3, ports: tcp/8000-8100, mode: nat, real_servers: [192.168.1.3]}
  - {name: all, vip: 203.0.113.4, ports: tcp/*, mode: fullnat, laddrs: 192.168.2.9, real_servers: [192.168.1.3]}
  - {name: empty, vip: 203.0.113.5, ports: [tcp/80, udp/80], mode: nat, real_servers: []}
`)
			s.check(t,
				packet{s.Gateway, "tcp 203.0.113.1:80", "rs1 sees 192.0.2.2"},
				packet{s.Gateway, "udp 203.0.113.1:80", "rs1 sees 192.0.2.2"},
				packet{s.Gateway, "tcp [2001:db8::1]:80", "rs1 sees 2001:db8:2::2"},
				packet{s.Gateway, "tcp 203.0.113.2:80", "rs2 sees 192.168.2.9"},
				packet{s.Gateway, "udp [2001:db8::2]:80", "rs2 sees fd06::9"},
				packet{s.Gateway, "tcp 203.0.113.3:8005", "rs3 sees 192.0.2.2"},
				packet{s.Gateway, "tcp 203.0.113.4:443", "rs3 sees 192.168.2.9"},
				packet{s.Gateway, "tcp 203.0.113.5:80", "refused"},
				packet{s.Gateway, "tcp 8.8.8.8:53", "outside sees 192.0.2.2"},
				packet{s.Gateway, "udp 9.9.9.9:53", "outside sees 198.18.1.2"},
				packet{s.Gateway, "udp [2001:db8:8::8]:53", "outside sees 2001:db8:2::2"},
				packet{s.Gateway, "tcp 192.168.1.1:80", "rs1 sees 192.168.1.254"},
			)
			must(t, s.Gateway.Ping(context.Background(), "", "8.8.8.8"))
			must(t, s.Gateway.Ping(context.Background(), "", "2001:db8:9::9"))
			// What is sent to the gateway itself is not forwarded either.
			must(t, s.Office.Ping(context.Background(), "", "10.1.0.1"))
			must(t, s.Outside.Ping(context.Background(), "", "192.0.2.2"))
		})
	}
}

// A connection of the gateway to itself, over loopback or its own address, passes untouched.
func TestGatewaysLoopback(t *testing.T) {
	s := startSite(t, "")
	must(t, s.Gateway.ServeTCP(":9090"))
	s.start(t, `
version: 1
gateway: {unmatched: drop}
zones:
  - {name: everyone, from: [0.0.0.0/0, "::/0"], action: reject}
`)
	s.check(t,
		packet{s.Gateway, "tcp 127.0.0.1:9090", "gateway sees 127.0.0.1"},
		packet{s.Gateway, "tcp [::1]:9090", "gateway sees ::1"},
		packet{s.Gateway, "tcp 10.1.0.1:9090", "gateway sees 10.1.0.1"},
		packet{s.Office, "tcp 10.1.0.1:9090", "gateway sees 10.1.5.9"},
	)
}

// A real server that calls the VIP of its own FULLNAT service gets an answer, from itself
// or from its neighbour: the laddr makes the answer come back through the gateway.
func TestHairpin(t *testing.T) {
	s := startSite(t, `
version: 1
services:
  - {name: self, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: [192.168.1.1, "fd05::1"]}
  - {name: both, vip: 203.0.113.2, ports: tcp/80, mode: fullnat, laddrs: 192.168.2.9, real_servers: [192.168.1.1, 192.168.1.2]}
`)
	s.check(t,
		packet{s.RS[0], "tcp 203.0.113.1:80", "rs1 sees 192.168.2.9"},
		packet{s.RS[0], "udp 203.0.113.1:80", "rs1 sees 192.168.2.9"},
		packet{s.RS[0], "tcp [2001:db8::1]:80", "rs1 sees fd06::9"},
		packet{s.RS[1], "tcp 203.0.113.1:80", "rs1 sees 192.168.2.9"},
		packet{s.RS[0], "tcp 203.0.113.2:80", "rs1 sees 192.168.2.9"},
		packet{s.RS[0], "tcp 203.0.113.2:80", "rs2 sees 192.168.2.9"},
	)
}
