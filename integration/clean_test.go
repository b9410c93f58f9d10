package integration

import (
	"strings"
	"testing"
)

// A new drop zone in front of live connections refuses first packets alone, so apply leaves them;
// cleanup ends them, without an apply, and nothing else.
func TestCleanupCommand(t *testing.T) {
	const office = `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
`
	const jail = "  - {name: jail, from: 10.1.5.9, action: drop}\n"
	const rest = "  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}\n"
	const service = "services:\n  - {name: web, vip: 203.0.113.1, ports: udp/80, real_servers: 192.168.1.3}\n"
	s := startSite(t, office+rest+service)
	const seen = "outside sees 198.51.100.1"
	out := s.asked(t, "8.8.8.8:53", seen)
	web := s.asked(t, "203.0.113.1:80", "rs3 sees 10.1.5.9")
	if r := ctl(t, s.Gateway, "cleanup"); r.Code != 0 || r.Stdout != "no connection contradicts table inet snatctl\n" {
		t.Errorf("with nothing to end cleanup exits %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	apply(t, s.Gateway, office+jail+rest+service)
	out(seen)
	const flow = " 1 flow of zone jail: drops what comes from 10.1.5.9\n"
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"cleanup --dry-run", "would end" + flow, 1},
		{"cleanup --dry-run --format json", `{"flows_ended":1,"objects":[{"kind":"zone","name":"jail","real_server":null,"reason":"drops what comes from 10.1.5.9","flows":1}],"other_conntrack_zones":0}` + "\n", 1},
		{"cleanup", "ended" + flow, 0},
		{"cleanup --dry-run", "no connection contradicts table inet snatctl\n", 0},
	} {
		if r := ctl(t, s.Gateway, strings.Fields(c.args)...); r.Code != c.code || r.Stdout != c.want {
			t.Errorf("%s exits %d and prints\n%s%swant %d and\n%s", c.args, r.Code, r.Stdout, r.Stderr, c.code, c.want)
		}
	}
	out("silent")
	web("rs3 sees 10.1.5.9")
	if r := ctl(t, s.Gateway, "cleanup", "--table", "other"); r.Code != 1 || !strings.Contains(r.Stderr, "there is no table inet other") {
		t.Errorf("of a table that does not stand cleanup exits %d: %s", r.Code, r.Stderr)
	}
}

// flows --end ends what its filter selects and nothing else, in other conntrack zones too; cleanup
// says that it leaves those alone.
func TestFlowsEnd(t *testing.T) {
	const policy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
services:
  - {name: web, vip: 203.0.113.1, ports: udp/80, real_servers: RS}
  - {name: dns, vip: 203.0.113.1, ports: udp/53, real_servers: 192.168.1.3}
`
	with := func(rs string) string { return strings.Replace(policy, "RS", rs, 1) }
	s := startSite(t, with("192.168.1.1"))
	nft(t, s.Gateway, "table inet zoner { chain pre { type filter hook prerouting priority raw; udp dport 80 ct zone set 7\nudp sport 80 ct zone set 7\n}\n}\n")
	web := s.asked(t, "203.0.113.1:80", "rs1 sees 10.1.5.9")
	dns := s.asked(t, "203.0.113.1:53", "rs3 sees 10.1.5.9")
	const left = "left alone 1 flow that contradicts it in another conntrack zone"
	if r := snatctl(t, s.Gateway, with("192.168.1.2"), "apply"); r.Code != 0 || !strings.Contains(r.Stdout, left) {
		t.Errorf("apply exits %d and does not say that it left a flow:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	web("rs1 sees 10.1.5.9")
	if r := ctl(t, s.Gateway, "cleanup"); r.Code != 0 || !strings.Contains(r.Stdout, left) {
		t.Errorf("cleanup exits %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for args, why := range map[string]string{
		"flows --past --end":               "add --yes",
		"flows --end --yes":                "select some",
		"flows --past --yes":               "--yes works only with --end",
		"flows --past --end --yes --count": "leave out one",
	} {
		if r := ctl(t, s.Gateway, strings.Fields(args)...); r.Code != 2 || !strings.Contains(r.Stderr, why) {
			t.Errorf("%s exits %d: %s", args, r.Code, r.Stderr)
		}
	}
	web("rs1 sees 10.1.5.9")
	if r := ctl(t, s.Gateway, "flows", "--past", "--end", "--yes"); r.Code != 0 || r.Stdout != "ended 1 flow\n" {
		t.Errorf("flows --end exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	web("rs2 sees 10.1.5.9")
	dns("rs3 sees 10.1.5.9")
	if r := ctl(t, s.Gateway, "flows", "--service", "dns", "--end", "--yes", "--format", "json"); r.Code != 0 || r.Stdout != "{\"flows_ended\":1}\n" {
		t.Errorf("flows --end exits %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}
