package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Who takes over has the agent that holds the table end what contradicts it.
func TestNotifyBesideAgent(t *testing.T) {
	a := runAgent(t, startGateway(t, ""), small)
	for _, role := range []string{"backup", "primary"} {
		r := ctl(t, a.h, "ha", "notify", role, "--no-sync", "--state-dir", a.state)
		if r.Code != 0 || role == "primary" && !strings.Contains(r.Stderr, "primary: cleanup, ") {
			t.Errorf("ha notify %s beside an agent exits %d\n%s", role, r.Code, r.Stderr)
		}
	}
	a.fits(t, small)
}

// A closed gate lets pass what belongs to flows that stand, and nothing else; an apply does not mind it.
func TestGate(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
services:
  - {name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}
`
	s := startSite(t, policy)
	file := policyFile(t, policy)
	role := func(name string, code int) nstest.Result {
		t.Helper()
		r := ctl(t, s.Gateway, "ha", "notify", name, "--no-sync")
		if r.Code != code {
			t.Fatalf("ha notify %s exits %d\n%s", name, r.Code, r.Stderr)
		}
		return r
	}
	status := func(code int, words ...string) {
		t.Helper()
		r := ctl(t, s.Gateway, "ha", "status", "--no-sync")
		for _, w := range words {
			if r.Code != code || !strings.Contains(r.Stdout, w) {
				t.Errorf("ha status exits %d, want %d and %q\n%s", r.Code, code, w, r.Stdout)
			}
		}
	}
	status(1, "role        none", "gate        open", "told this node no role yet")
	stream, err := s.Office.OpenStream("", "8.8.8.8:80")
	must(t, err)
	defer stream.Close()
	role("backup", 0)
	role("backup", 0)
	for _, to := range []packet{{s.Office, "tcp 8.8.8.8:80", "silent"}, {s.Office, "udp [2001:db8:8::8]:53", "silent"}, {s.Outside, "tcp 203.0.113.1:80", "silent"}} {
		s.check(t, to)
	}
	must(t, s.Outside.Ping(t.Context(), "", "192.0.2.2")) // the gateway itself answers
	must(t, stream.Alive())
	status(0, "role        backup", "gate        closed, has dropped ")
	if r := ctl(t, s.Gateway, "apply", "-f", file); r.Code != 0 || r.Stderr != "" {
		t.Errorf("apply beside a closed gate exits %d: %s", r.Code, r.Stderr)
	}
	var findings []struct{ Code, Message string }
	r := ctl(t, s.Gateway, "lint", "--live", "--format", "json", file)
	must(t, json.Unmarshal([]byte(r.Stdout), &findings))
	if i := slices.IndexFunc(findings, func(f struct{ Code, Message string }) bool { return strings.Contains(f.Message, "_gate") }); i >= 0 {
		t.Errorf("lint --live speaks of the gate: %+v", findings[i])
	}
	role("primary", 0)
	s.check(t, packet{s.Office, "tcp 8.8.8.8:80", "outside sees 198.51.100.1"}, packet{s.Outside, "tcp 203.0.113.1:80", "rs1 sees 192.0.2.1"})
	status(0, "role        primary", "gate        open")
	if r := role("primary", 0); strings.Count(r.Stderr, "open the gate") != 1 {
		t.Errorf("primary once more:\n%s", r.Stderr)
	}
	must(t, stream.Err())

	// Without conntrackd it opens all the same, and says what is amiss.
	role("fault", 0)
	if r := ctl(t, s.Gateway, "ha", "notify", "primary", "--conntrackd-config", file); r.Code != 4 || !strings.Contains(r.Stderr, "conntrackd -c") {
		t.Errorf("ha notify primary without conntrackd exits %d\n%s", r.Code, r.Stderr)
	}
	status(1, "gate        open", "commit flows failed when it became primary")
	nft(t, s.Gateway, "table inet snatctl_gate { comment \"mine\"; }")
	if r := ctl(t, s.Gateway, "ha", "notify", "backup", "--no-sync"); r.Code != 1 || !strings.Contains(r.Stderr, "snatctl_gate was not made by snatctl") {
		t.Errorf("beside a table of that name ha notify exits %d\n%s", r.Code, r.Stderr)
	}
	for _, args := range [][]string{{"notify", "leader"}, {"notify"}, {"keepalived"}, {"conntrackd", "-f", file, "--interface", "x", "--peers", "a=1"}} {
		if r := ctl(t, s.Gateway, slices.Concat([]string{"ha"}, args)...); r.Code != 2 {
			t.Errorf("ha %q exits %d\n%s", args, r.Code, r.Stderr)
		}
	}
}
