package integration

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// lamp is a port of a real server that only checks ask. Switched off, it refuses them, and clients are
// answered all the same: so calls tell whom the gateway takes for dead, and no call may ever fail.
type lamp struct {
	s    *site
	rs   int // counted from 1
	port int
	l    net.Listener
}

// lamps switches on a lamp for each real server of a site.
func (s *site) lamps(t testing.TB, port int) (out []*lamp) {
	t.Helper()
	for n := range s.RS {
		l := &lamp{s: s, rs: n + 1, port: port}
		l.on(t)
		t.Cleanup(l.off)
		out = append(out, l)
	}
	return out
}

func (l *lamp) on(t testing.TB) {
	t.Helper()
	if l.l == nil {
		must(t, l.s.RS[l.rs-1].Do(func() (err error) { l.l, err = net.Listen("tcp", fmt.Sprintf(":%d", l.port)); return err }))
	}
}

func (l *lamp) off() {
	if l.l != nil {
		l.l.Close()
		l.l = nil
	}
}

func (l *lamp) addr() string { return fmt.Sprintf("192.168.1.%d", l.rs) }

// dark switches a lamp off, and waits for the verdict about a service. It returns when that was.
func (l *lamp) dark(t *testing.T, a *agentRun, service string) time.Time {
	t.Helper()
	start := time.Now()
	l.off()
	_, at := a.verdict(t, "server_down", service, l.addr(), start)
	return at
}

// light switches it on again, and waits likewise.
func (l *lamp) light(t *testing.T, a *agentRun, service string) time.Time {
	t.Helper()
	start := time.Now()
	l.on(t)
	_, at := a.verdict(t, "server_up", service, l.addr(), start)
	return at
}

// spared checks that none of the calls that began within a time failed, and that some hosts got none.
func (c *callers) spared(t *testing.T, what string, from, to time.Time, hosts ...string) {
	t.Helper()
	got, failed, err := c.between(from, to)
	if failed > 0 {
		t.Errorf("%s: %d calls fail: %v", what, failed, err)
	}
	for _, h := range hosts {
		if got[h] > 0 {
			t.Errorf("%s: within %v %d calls reach %s: %v", what, to.Sub(from).Round(time.Millisecond), got[h], h, got)
		}
	}
}

// lampCheck is a health check by lamps.
func lampCheck(port int) string {
	return fmt.Sprintf("{type: tcp, port: %d, interval: 200ms, timeout: 200ms, rise: 2, fall: 2}", port)
}

// lampPolicy is a policy with a service web, checked by lamps, and more lines.
func lampPolicy(more ...string) string {
	return `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2, 192.168.1.3], health_check: ` + lampCheck(6000) + "}\n" + strings.Join(more, "")
}
