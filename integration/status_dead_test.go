package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// TestStatusDeadGateway kills a gateway whose table stands, and holds that status --check says
// why nothing passes, and is content again when that is repaired.
func TestStatusDeadGateway(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{})
	dir := t.TempDir() // a history of its own: rollback takes the newest entry
	apply(t, w.Gateway, strings.Replace(faultless, ", forwarding: false", "", 1), "--state-dir", dir)
	check := func(code int, want string) {
		t.Helper()
		if r := ctl(t, w.Gateway, "status", "--check", "--state-dir", dir); r.Code != code || !strings.HasPrefix(r.Stdout, want) {
			t.Errorf("--check exits %d and prints %s%swant %d, %s", r.Code, r.Stdout, r.Stderr, code, want)
		}
	}
	check(1, "WARNING: pool office: no interface of this host has the address")
	output(t, w.Gateway, "ip", "route", "add", "blackhole", "20.0.2.0/28")
	check(0, "OK: no problems")
	for _, c := range []struct{ fault, repair, want string }{
		{"echo 0 > /proc/sys/net/ipv4/ip_forward", "echo 1 > /proc/sys/net/ipv4/ip_forward", "CRITICAL: gateway: forwards no IPv4: net.ipv4.ip_forward is not 1"},
		{"nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; ct state established accept; }; }'", "nft delete table ip filter",
			`CRITICAL: gateway: chain "FORWARD" of table ip "filter" drops every new connection`},
		{"nft flush chain inet snatctl postrouting", program(t) + " rollback 0 --state-dir " + dir, "CRITICAL: gateway: the table is not what was applied: rules +"},
		{"ip link set wan0 down; ip link set wan0 name lost", "ip link set lost name wan0; ip link set wan0 up", "CRITICAL: gateway: there is no uplink wan0"},
	} {
		output(t, w.Gateway, "sh", "-ec", c.fault)
		check(2, c.want)
		output(t, w.Gateway, "sh", "-ec", c.repair)
		check(0, "OK: no problems")
	}
}

// status --check looks at what gateway.addresses made, too.
func TestStatusLostAddresses(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{})
	dir := t.TempDir()
	for _, c := range []struct{ addresses, fault, want string }{
		{"routes", "ip route del local 203.0.113.1 table local", "CRITICAL: gateway: routes or addresses of gateway.addresses are missing: +1 -0"},
		{"routes", "ip addr add 203.0.113.1/32 dev wan0", "WARNING: gateway: routes or addresses are left over that gateway.addresses made: -1"},
		{"{assign: wan1}", "ip addr del 198.51.100.1/32 dev wan1", "CRITICAL: gateway: routes or addresses of gateway.addresses are missing: +1 -0"},
		{"{assign: wan1}", "ip link set wan1 down; ip link set wan1 name lost", "CRITICAL: gateway: there is no interface wan1 to put the VIPs and laddrs on"},
	} {
		apply(t, w.Gateway, strings.Replace(ownAddresses(c.addresses), "[wan0, wan1]", "[wan0]", 1), "--state-dir", dir)
		if r := ctl(t, w.Gateway, "status", "--check", "--state-dir", dir); r.Code != 0 {
			t.Errorf("%s: --check exits %d and prints %s", c.addresses, r.Code, r.Stdout)
		}
		output(t, w.Gateway, "sh", "-ec", c.fault)
		if r := ctl(t, w.Gateway, "status", "--check", "--state-dir", dir); !strings.HasPrefix(r.Stdout, c.want) {
			t.Errorf("%s: --check exits %d and prints %swant %s", c.addresses, r.Code, r.Stdout, c.want)
		}
	}
}
