package integration

import (
	"fmt"
	"testing"
)

// A service that refuses a source drops its connection: no zone and no other service gets
// it. What deny names is refused even where allow names it too.
func TestAllowAndDeny(t *testing.T) {
	// Outside owns the VIP, so a connection that slipped past the service would be answered.
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: everyone, from: [0.0.0.0/0, "::/0"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
services:
  - {name: allow, vip: [8.8.8.8, "2001:db8:8::8"], ports: [tcp/80, udp/80], mode: nat, allow: [10.1.0.0/16, "fd01::/64"], real_servers: [192.168.1.1, "fd05::1"]}
  - {name: deny, vip: 8.8.8.8, ports: tcp/53, mode: fullnat, laddrs: 192.168.2.9, deny: 10.1.200.0/24, real_servers: 192.168.1.2}
  - {name: both, vip: 9.9.9.9, ports: tcp/50-60, mode: nat, allow: [10.1.0.0/16, 10.2.0.0/16], deny: 10.2.200.0/24, real_servers: 192.168.1.3}
  - {name: other, vip: 9.9.9.9, ports: tcp/80, mode: nat, real_servers: 192.168.1.3}
`)
	s.check(t,
		packet{s.Office, "tcp 8.8.8.8:80", "rs1 sees 10.1.5.9"},
		packet{s.Office, "udp [2001:db8:8::8]:80", "rs1 sees fd01::9"},
		packet{s.Guests, "tcp 8.8.8.8:80", "silent"},
		packet{s.Guests, "udp 8.8.8.8:80", "silent"},
		packet{s.Guests, "tcp [2001:db8:8::8]:80", "silent"},
		packet{s.Gateway, "tcp 8.8.8.8:80", "silent"},
		packet{s.Office, "tcp 10.1.200.7 > 8.8.8.8:53", "silent"},
		packet{s.Office, "tcp 8.8.8.8:53", "rs2 sees 192.168.2.9"},
		packet{s.Gateway, "tcp 8.8.8.8:53", "rs2 sees 192.168.2.9"},
		packet{s.Office, "tcp 9.9.9.9:53", "rs3 sees 10.1.5.9"},
		packet{s.Guests, "tcp 9.9.9.9:53", "rs3 sees 10.2.5.9"},
		packet{s.Guests, "tcp 10.2.200.7 > 9.9.9.9:53", "silent"},
		packet{s.Lab, "tcp 9.9.9.9:53", "silent"},
		packet{s.Guests, "tcp 10.2.200.7 > 9.9.9.9:80", "rs3 sees 10.2.200.7"},
	)
}

// A client of a service with persistence stays with its real server, until that one goes.
func TestPersistence(t *testing.T) {
	policy := func(servers, six string) string {
		return `
version: 1
services:
  - {name: sticky, vip: [203.0.113.1, "2001:db8::1"], ports: tcp/80, mode: nat, persistence: 300s, real_servers: [` + servers + `, ` + six + `]}
  - {name: full, vip: 203.0.113.2, ports: tcp/80, mode: fullnat, laddrs: 192.168.2.9, persistence: 300s, real_servers: [` + servers + `]}
`
	}
	s := startSite(t, policy("192.168.1.1, 192.168.1.2, 192.168.1.3", `"fd05::1", "[fd05::2]:8080", "[fd05::3]:8080"`))
	home := map[string]string{}
	for _, c := range []struct{ source, dst string }{
		{"10.1.200.%d", "203.0.113.1:80"}, {"fd01::8000:0:0:%x", "[2001:db8::1]:80"}, {"10.1.200.%d", "203.0.113.2:80"},
	} {
		used := map[string]bool{}
		for range 4 {
			for i := range 9 {
				to := fmt.Sprintf("tcp "+c.source+" > %s", i, c.dst)
				host := call(t, s.Office, to).Host
				if home[to] == "" {
					home[to] = host
				}
				if host != home[to] {
					t.Errorf("%s went to %s, then to %s", to, home[to], host)
				}
				used[host] = true
			}
		}
		if len(used) < 2 {
			t.Errorf("%s: nine clients all share %v", c.dst, used)
		}
	}
	without := policy("192.168.1.1, 192.168.1.2", `"fd05::1", "[fd05::2]:8080"`)
	apply(t, s.Gateway, without)
	wantDiff(t, s.Gateway, without, 0)
	for to, before := range home {
		switch after := call(t, s.Office, to).Host; {
		case after == "rs3":
			t.Errorf("%s still goes to a real server that is gone", to)
		case before != "rs3" && after != before:
			t.Errorf("%s moved from %s to %s, though its real server stayed", to, before, after)
		}
	}
}
