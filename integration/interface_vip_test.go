package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// dialUp has a service at the addresses of wan0, whatever they are, and one at an address of its own.
const dialUp = `
version: 1
gateway: {uplinks: [wan0, wan1]}
services:
  - {name: web, vip: {interface: wan0, family: 4}, ports: [udp/53, tcp/80], hairpin: true, real_servers: 192.168.1.1}
  - {name: fixed, vip: 203.0.113.200, ports: tcp/80, real_servers: 192.168.1.2}
`

// A VIP that is the address of an interface follows it: callers from outside, from inside and real
// servers reach the new address after an apply, flows of the old one end, and the history has one entry.
func TestInterfaceVIP(t *testing.T) {
	t.Parallel()
	s := newSite(t, nstest.Options{})
	state := t.TempDir()
	gw := func(script string) { t.Helper(); output(t, s.Gateway, "sh", "-ec", script) }
	gw("ip addr flush dev wan0 scope global; ip addr add 203.0.113.7 peer 192.0.2.1/32 dev wan0; ip addr add 2001:db8:2::2/64 dev wan0 nodad; ip route add 8.8.8.0/24 via 192.0.2.1")
	output(t, s.Outside, "ip", "route", "replace", "203.0.113.0/24", "dev", "wan0")
	file := policyFile(t, dialUp)
	prints(t, s.Gateway, "apply", "-f", file, "--state-dir", state)

	calls := func(vip string) []packet {
		return []packet{
			{from: s.Outside, call: "tcp 8.8.8.8 > " + vip + ":80", want: "rs1 sees 8.8.8.8"},
			{from: s.Office, call: "tcp " + vip + ":80", want: "rs1 sees 10.1.5.9"},
			{from: s.RS[0], call: "tcp " + vip + ":80", want: "rs1 sees 192.168.1.254"},
		}
	}
	s.check(t, calls("203.0.113.7")...)
	old := s.asked(t, "203.0.113.7:53", "rs1 sees 10.1.5.9")

	gw("ip addr del 203.0.113.7 peer 192.0.2.1/32 dev wan0; ip addr add 203.0.113.8 peer 192.0.2.1/32 dev wan0; ip route replace 8.8.8.0/24 via 192.0.2.1")
	if r := ctl(t, s.Gateway, "status", "--check", "--state-dir", state); r.Code != 2 ||
		!strings.Contains(r.Stdout, "service web: wan0 has 203.0.113.8 now, but the table has 203.0.113.7 for VIPs") {
		t.Errorf("status --check exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := ctl(t, s.Gateway, "diff", "-f", file); r.Code != 1 || !strings.Contains(r.Stdout, "~ service web: + 203.0.113.8 tcp/80, 203.0.113.8 udp/53; - 203.0.113.7 tcp/80") {
		t.Errorf("diff exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if got := prints(t, s.Gateway, "rollback", "0", "--state-dir", state); !strings.Contains(got, "ended 4 flows of service web: no longer takes ") {
		t.Errorf("rollback 0 prints\n%s", got)
	}
	s.check(t, calls("203.0.113.8")...)
	s.check(t, packet{from: s.Office, call: "tcp 203.0.113.200:80", want: "rs2 sees 10.1.5.9"})
	old("silent")
	if r := ctl(t, s.Gateway, "status", "--check", "--state-dir", state); strings.Contains(r.Stdout, "wan0 has") {
		t.Errorf("after it status --check exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if got := prints(t, s.Gateway, "history", "--state-dir", state); strings.Count(got, "applied") != 1 {
		t.Errorf("the history of one policy is\n%s", got)
	}
}

// A link that is not up keeps nobody from applying or booting: its VIP is missing, and all say so. What the
// address contradicts is refused when it is known.
func TestInterfaceVIPAbsent(t *testing.T) {
	h := startGateway(t, "")
	output(t, h, "sh", "-ec", "ip link add wan0 type veth peer name wan1; ip link set wan0 up; ip link set wan1 up")
	state, file := t.TempDir(), policyFile(t, dialUp)
	const lacks = "service web: the interface wan0 has no IPv4 address, so no VIP comes of it"
	warned := func(argv ...string) {
		t.Helper()
		if r := ctl(t, h, append(argv, "--state-dir", state)...); r.Code != 0 || !strings.Contains(r.Stderr, "policy.yaml:4:22: warning: "+lacks) {
			t.Errorf("%s exits %d\n%s%s", argv, r.Code, r.Stdout, r.Stderr)
		}
	}
	has := func(vip string, want bool) {
		t.Helper()
		if got := strings.Contains(list(t, h), vip+" . tcp . 80"); got != want {
			t.Errorf("the table has %s: %v", vip, got)
		}
	}
	warned("apply", "-f", file)
	has("203.0.113.200", true)
	if r := ctl(t, h, "status", "--check", "--state-dir", state); r.Code != 2 || !strings.Contains(r.Stdout, lacks) {
		t.Errorf("status --check exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := ctl(t, h, "lint", "--live", file); !strings.Contains(r.Stdout, lacks+" [S24]") {
		t.Errorf("lint --live exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	output(t, h, "nft", "delete", "table", "inet", "snatctl")
	warned("boot")
	has("203.0.113.200", true)

	output(t, h, "ip", "addr", "add", "203.0.113.7", "peer", "192.0.2.1/32", "dev", "wan0")
	output(t, h, "ip", "addr", "add", "2001:db8::7/64", "dev", "wan0", "nodad")
	prints(t, h, "rollback", "0", "--state-dir", state)
	has("203.0.113.7", true)
	has("192.0.2.1", false)
	if strings.Contains(list(t, h), "2001:db8::7") {
		t.Error("an IPv6 address is a VIP, too")
	}

	output(t, h, "ip", "addr", "add", "203.0.113.200/32", "dev", "wan0")
	r := ctl(t, h, "apply", "-f", file, "--state-dir", state)
	const clash = "service fixed: tcp/80 on 203.0.113.200 already belongs to service web"
	if r.Code != 1 || !strings.Contains(r.Stderr, clash) || !strings.Contains(r.Stderr, "nothing was changed") {
		t.Errorf("apply with a clash exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if r := ctl(t, h, "lint", "--live", file); r.Code != 1 || !strings.Contains(r.Stdout, clash) {
		t.Errorf("lint --live with a clash exits %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	has("203.0.113.200", true)
}

// The agent follows an address within seconds, also while its file holds a policy that is refused, and says
// what it did.
func TestAgentFollowsInterface(t *testing.T) {
	t.Parallel()
	h := nstest.NewHost(t, "gateway")
	output(t, h, "sh", "-ec", "ip link add wan0 type veth peer name wan1; ip link set wan0 up; ip link set wan1 up")
	a := runAgent(t, h, dialUp)
	address := func(was, is string) {
		t.Helper()
		if was != "" {
			output(t, h, "ip", "addr", "del", was+"/32", "dev", "wan0")
		}
		output(t, h, "ip", "addr", "add", is+"/32", "dev", "wan0")
		eventually(t, "the agent to follow to "+is, func() bool { return strings.Contains(list(t, h), is+" . tcp . 80") })
	}
	address("", "203.0.113.7")
	must(t, os.WriteFile(a.file, []byte("version: 2\n"), 0o644))
	eventually(t, "the broken policy to be refused", func() bool { return len(a.logged("policy_refused")) > 0 })
	address("203.0.113.7", "203.0.113.8")
	if strings.Contains(list(t, h), "203.0.113.7 . ") {
		t.Error("the old address is there still")
	}
	eventually(t, "one entry of the history", func() bool {
		return strings.Count(prints(t, h, "history", "--state-dir", a.state), "applied") == 1
	})
	if got := a.logged("addresses_changed"); len(got) != 2 || !strings.Contains(got[1], "service=web interface=wan0 were=[203.0.113.7] are=[203.0.113.8]") {
		t.Errorf("the agent logs %q", got)
	}
}
