package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A host with a thousand real servers is gone: all of them are out, and a service keeps those that it has
// elsewhere. It comes back, and all are in.
func TestAgentThousandDown(t *testing.T) {
	t.Parallel()
	const services = 500
	s := newSite(t, nstest.Options{RealServers: 2})
	output(t, s.RS[0], "ip", "route", "add", "local", "172.16.0.0/15", "dev", "lo")
	must(t, s.Gateway.AddRoute("dc0", "172.16.0.0/15", "192.168.1.1"))
	var p strings.Builder
	p.WriteString("version: 1\ngateway: {uplinks: [wan0, wan1]}\nhealth_checks:\n  up: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, fall: 2}\nservices:\n")
	vip := func(i int) string { return fmt.Sprintf("203.0.%d.%d", 112+i/200, 1+i%200) }
	for i := range services {
		fmt.Fprintf(&p, "  - {name: s%d, vip: %s, ports: tcp/80, mode: nat, health_check: up, real_servers: [172.16.%d.%d, 172.17.%d.%d, 192.168.1.2]}\n", i, vip(i), i/200, 1+i%200, i/200, 1+i%200)
	}
	text := p.String()
	a := runAgent(t, s.Gateway, text)
	calls := func(want string, n int) {
		t.Helper()
		for i := 0; i < services; i += 25 {
			if got := s.asks(t, "tcp", vip(i)+":80", 6); got[want] != n {
				t.Errorf("service %d: %v", i, got)
			}
		}
	}
	eventually(t, "all to be up", func() bool {
		n := 0
		for _, service := range statusOf(t, s.Gateway).Services {
			for _, rs := range service.Servers {
				if rs.Health != nil && *rs.Health == "up" {
					n++
				}
			}
		}
		return n == 3*services
	})
	calls("rs1", 4)
	dead := time.Now()
	dies(t, s.RS[0], "reject with tcp reset")
	eventually(t, "all to be down", func() bool { return len(a.logged("server_down")) == 2*services })
	lines := a.logged("server_down")
	first, last := logTime(t, lines[0]), logTime(t, lines[len(lines)-1])
	t.Logf("the first verdict after %v, the last of %d %v later; checks come within 1 s of each other", first.Sub(dead).Round(time.Millisecond), len(lines), last.Sub(first).Round(time.Millisecond))
	calls("rs2", 6)
	a.fits(t, text)
	calls("rs2", 6)
	rises(t, s.RS[0])
	eventually(t, "all to be up", func() bool { return len(a.logged("server_up")) == 2*services })
	a.fits(t, text)
	calls("rs1", 4)
	if drift := a.snapshot(t).Drift; drift.Found != 0 {
		t.Errorf("it took its own changes for drift: %+v", drift)
	}
}
