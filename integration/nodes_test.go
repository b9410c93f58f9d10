package integration

import (
	"strings"
	"syscall"
	"testing"
)

const nodesPolicy = `
version: 1
nodes: {gw1: {}, gw2: {}, gw3: {}}
gateway: {uplinks: wan0}
laddrs:
  office: {nodes: {gw1: 198.51.100.1, gw2: 198.51.100.2, gw3: none}}
  web: {nodes: {gw1: 198.18.0.1, gw2: 198.18.0.2, gw3: none}}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: fullnat, laddrs: web, scheduler: mh, real_servers: [192.168.1.1]}
`

// A gateway carries out what the policy has for its node. History, diff, status, rollback and agent
// know which node that was.
func TestNodes(t *testing.T) {
	s := startSite(t, "")
	dir := t.TempDir()
	state := []string{"--state-dir", dir}
	seen := func(network, to string) string {
		a, err := s.Office.Ask(network, "", to)
		if err != nil {
			return "refused"
		}
		return a.Peer.Addr().String()
	}
	at := func(node, laddr, web string) {
		t.Helper()
		if got := seen("udp", "8.8.8.8:53"); got != laddr {
			t.Errorf("at %s the outside sees %s, want %s", node, got, laddr)
		}
		if got := seen("tcp", "203.0.113.1:80"); got != web {
			t.Errorf("at %s the real server sees %s, want %s", node, got, web)
		}
	}
	if r := snatctl(t, s.Gateway, nodesPolicy, "apply"); r.Code != 1 || !strings.Contains(r.Stderr, "which the policy does not have") {
		t.Errorf("apply on a host that is no node exits %d\n%s", r.Code, r.Stderr)
	}
	apply(t, s.Gateway, nodesPolicy, append(state, "--node", "gw1")...)
	at("gw1", "198.51.100.1", "198.18.0.1")
	if r := snatctl(t, s.Gateway, nodesPolicy, "diff", "--node", "gw1"); r.Code != 0 {
		t.Errorf("the gateway is not as gw1: diff exits %d\n%s", r.Code, r.Stdout)
	}
	if r := snatctl(t, s.Gateway, nodesPolicy, "diff", "--node", "gw2"); r.Code != 1 || !strings.Contains(r.Stdout, "198.51.100.2") {
		t.Errorf("as gw2 diff exits %d\n%s", r.Code, r.Stdout)
	}
	moved := strings.Replace(nodesPolicy, "office: {nodes: {gw1: 198.51.100.1,", "office: {nodes: {gw1: 198.51.100.3,", 1)
	if r := snatctl(t, s.Gateway, moved, "lint", "--live", "--node", "gw1"); !strings.Contains(r.Stdout, "node gw1 is to lose 198.51.100.1, which 1 of its flows use") {
		t.Errorf("lint is silent about laddrs that go while a flow uses them:\n%s%s", r.Stdout, r.Stderr)
	}
	if r := snatctl(t, s.Gateway, nodesPolicy, "lint", "--live", "--node", "gw1"); strings.Contains(r.Stdout, "F12") {
		t.Errorf("laddrs that stay are said to go:\n%s", r.Stdout)
	}
	apply(t, s.Gateway, nodesPolicy, append(state, "--node", "gw2")...)
	at("gw2", "198.51.100.2", "198.18.0.2")
	if r := ctl(t, s.Gateway, append([]string{"rollback"}, state...)...); r.Code != 0 {
		t.Fatalf("rollback exits %d\n%s", r.Code, r.Stderr)
	}
	at("gw1 again", "198.51.100.1", "198.18.0.1")
	if r := ctl(t, s.Gateway, append([]string{"boot"}, state...)...); r.Code != 0 {
		t.Fatalf("boot exits %d\n%s", r.Code, r.Stderr)
	}
	at("gw1 after boot", "198.51.100.1", "198.18.0.1")
	a := runAgent(t, s.Gateway, nodesPolicy, "--node", "gw3")
	at("gw3", "refused", "refused")
	a.ends(t, syscall.SIGTERM, 0)
}
