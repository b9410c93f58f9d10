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
	apply(t, w.Gateway, strings.Replace(faultless, ", forwarding: false", "", 1))
	check := func(code int, want string) {
		t.Helper()
		if r := ctl(t, w.Gateway, "status", "--check"); r.Code != code || !strings.HasPrefix(r.Stdout, want) {
			t.Errorf("--check exits %d and prints %s%swant %d, %s", r.Code, r.Stdout, r.Stderr, code, want)
		}
	}
	check(0, "OK: no problems")
	for _, c := range []struct{ fault, repair, want string }{
		{"echo 0 > /proc/sys/net/ipv4/ip_forward", "echo 1 > /proc/sys/net/ipv4/ip_forward", "CRITICAL: gateway: forwards no IPv4: net.ipv4.ip_forward is not 1"},
		{"nft 'table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; ct state established accept; }; }'", "nft delete table ip filter",
			`CRITICAL: gateway: chain "FORWARD" of table ip "filter" drops every new connection`},
	} {
		output(t, w.Gateway, "sh", "-ec", c.fault)
		check(2, c.want)
		output(t, w.Gateway, "sh", "-ec", c.repair)
		check(0, "OK: no problems")
	}
}
