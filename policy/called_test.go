package policy_test

import "testing"

// Called finds the service that Decide finds.
func TestCalled(t *testing.T) {
	p := parsed(t, `version: 1
services:
  - {name: exact, vip: [203.0.113.1, "2001:db8::1"], ports: tcp/80, real_servers: [192.168.1.1, "fd05::1"]}
  - {name: range, vip: 203.0.113.1, ports: [tcp/79-81, udp/53], real_servers: [192.168.1.1]}
  - {name: all, vip: [203.0.113.1, 203.0.113.2], ports: [tcp/*, udp/*], real_servers: [192.168.1.1]}
`)
	called := p.Called()
	for to, want := range map[[2]string]string{
		{"tcp", "203.0.113.1:80"}: "exact", {"tcp", "203.0.113.1:81"}: "range", {"tcp", "203.0.113.1:82"}: "all",
		{"udp", "203.0.113.1:53"}: "range", {"udp", "203.0.113.1:54"}: "all", {"udp", "203.0.113.2:80"}: "all",
		{"tcp", "203.0.113.3:80"}: "", {"sctp", "203.0.113.1:80"}: "", {"tcp", "[2001:db8::1]:80"}: "exact",
	} {
		from := "10.0.0.1:999"
		if to[1][0] == '[' {
			from = "[fd00::9]:999"
		}
		pkt := packet(t, p, to[0]+" "+from+" > "+to[1])
		got := ""
		if s := called.Service(pkt.Proto, pkt.To); s != nil {
			got = s.Name
		}
		if got != want || got != p.Decide(pkt).Service {
			t.Errorf("%s: service %q, Decide %q, want %q", to, got, p.Decide(pkt).Service, want)
		}
	}
}
