package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

const toaWays = `
version: 1
gateway: {addresses: routes}
services:
  - name: far
    vip: [203.0.113.10, "2001:db8::10"]
    ports: tcp/81
    mode: fullnat
    laddrs: [192.0.2.8-192.0.2.11, "2001:db8:2::8"]
    client_address: toa
    real_servers: [8.8.8.8, "2001:db8:8::8"]
`

// Where several interfaces lead to a real server, it learns who called by each of them; the agent follows the
// routes, whether they name next hops themselves or objects.
func TestClientAddressOfManyWays(t *testing.T) {
	w := nstest.New(t, nstest.Options{RealServers: 1})
	r, err := w.AddRouters(t.Context())
	must(t, err)
	must(t, w.Outside.ServeCallers(":81"))
	script := func(h *nstest.Host, text string) { t.Helper(); output(t, h, "sh", "-ec", text) }
	for i, isp := range r { // answers come by the first one alone, whatever the way there was
		script(isp, fmt.Sprintf("ip -6 route replace 2001:db8:8::/64 via fd31:%d::2", i))
	}
	script(w.Gateway, "sysctl -qw net.ipv4.fib_multipath_hash_policy=1 net.ipv6.fib_multipath_hash_policy=1") // by ports, too

	a := runAgent(t, w.Gateway, toaWays)
	for _, c := range []struct{ routes, ways string }{
		{"ip route replace 8.8.8.0/24 via 198.18.1.1; ip -6 route replace 2001:db8:8::/64 via 2001:db8:3::1", "wan1"},
		{"ip route replace 8.8.8.0/24 nexthop via 192.0.2.1 nexthop via 198.18.1.1; ip -6 route del 2001:db8:8::/64; ip -6 route add 2001:db8:8::/64 nexthop via 2001:db8:2::1 nexthop via 2001:db8:3::1", "wan0 wan1"},
		{"ip route replace 8.8.8.0/24 via 192.0.2.1; ip -6 route del 2001:db8:8::/64; ip -6 route add 2001:db8:8::/64 via 2001:db8:2::1", "wan0"},
		{"sysctl -qw net.ipv4.nexthop_compat_mode=0; ip nexthop add id 1 via 192.0.2.1 dev wan0; ip nexthop add id 2 via 198.18.1.1 dev wan1; ip nexthop add id 3 group 1/2; ip route replace 8.8.8.0/24 nhid 3; " +
			"ip -6 nexthop add id 4 via 2001:db8:2::1 dev wan0; ip -6 nexthop add id 5 via 2001:db8:3::1 dev wan1; ip nexthop add id 6 group 4/5; ip -6 route del 2001:db8:8::/64; ip -6 route add 2001:db8:8::/64 nhid 6", "wan0 wan1"},
	} {
		script(w.Gateway, c.routes)
		eventually(t, "the program at "+c.ways, func() bool {
			var at []string
			for _, iface := range []string{"wan0", "wan1"} {
				if strings.Contains(output(t, w.Gateway, "tc", "filter", "show", "dev", iface, "egress"), "snatctl/snatctl/") {
					at = append(at, iface)
				}
			}
			return strings.Join(at, " ") == c.ways
		})
		a.fits(t, toaWays)
		script(w.Gateway, "nft 'table inet seen; delete table inet seen; table inet seen { chain out { type filter hook postrouting priority 300; "+
			"tcp flags syn / syn,ack oifname wan0 counter; tcp flags syn / syn,ack oifname wan1 counter; }; }'")
		for i := range 32 {
			to := []string{"203.0.113.10:81", "[2001:db8::10]:81"}[i%2]
			if client, server := told(t, w.Office, to); client != server {
				t.Errorf("%s by %s: the real server takes %s for the client %s", to, c.ways, server, client)
			}
		}
		seen := output(t, w.Gateway, "nft", "list", "table", "inet", "seen")
		for _, iface := range []string{"wan0", "wan1"} {
			if used := !strings.Contains(seen, fmt.Sprintf("oifname %q counter packets 0 ", iface)); used != strings.Contains(c.ways, iface) {
				t.Errorf("with routes by %s:\n%s", c.ways, seen)
			}
		}
	}
}
