package routelink

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A line of want is an address, and the interfaces by which the gateway's own packets may leave toward it.
func TestToward(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	for _, c := range []struct{ name, do, want string }{
		{"as the world is", "", `
			192.168.1.1: dc0
			fd05::1: dc0
			192.168.1.254: lo
			1.2.3.4: wan0
			fd77::1: wan0`},
		{"two next hops of IPv4, and of IPv6", "ip route add 1.2.3.0/24 nexthop via 198.18.1.1 nexthop via 192.0.2.1; ip -6 route add fd77::/64 nexthop via 2001:db8:2::1 nexthop via 2001:db8:3::1", `
			1.2.3.4: wan0 wan1
			1.2.4.4: wan0
			fd77::1: wan0 wan1`},
		{"gateways of the other family", "ip route replace 1.2.3.0/24 nexthop via inet6 2001:db8:2::1 dev wan0 nexthop via inet6 2001:db8:3::1 dev wan1", `
			1.2.3.4: wan0 wan1`},
		{"groups of objects", "ip nexthop add id 7 via 198.18.1.1 dev wan1; ip nexthop add id 8 via 192.0.2.1 dev wan0; ip nexthop add id 9 group 7/8; ip route replace 1.2.3.0/24 nhid 9; " +
			"ip -6 nexthop add id 17 via 2001:db8:2::1 dev wan0; ip -6 nexthop add id 18 via 2001:db8:3::1 dev wan1; ip nexthop add id 19 group 17/18; ip -6 route del fd77::/64; ip -6 route add fd77::/64 nhid 19", `
			1.2.3.4: wan0 wan1
			fd77::1: wan0 wan1`},
		{"that only objects tell", "sysctl -qw net.ipv4.nexthop_compat_mode=0", `
			1.2.3.4: wan0 wan1
			fd77::1: wan0 wan1
			192.168.1.1: dc0`},
		{"one of them is gone", "ip nexthop del id 7; ip nexthop del id 17", `
			1.2.3.4: wan0
			fd77::1: wan1`},
		{"by mark", "ip rule add fwmark 7 lookup 100; ip route add 192.168.1.0/28 via 198.18.1.1 table 100", `
			192.168.1.1: dc0 wan1
			192.168.1.16: dc0`},
		{"nowhere", "ip route add blackhole 1.2.3.4; ip route add unreachable 1.2.3.5; ip route add prohibit 1.2.3.6; ip -6 route add unreachable fd77::1", `
			1.2.3.3: wan0
			1.2.3.4: -
			1.2.3.5: -
			1.2.3.6: -
			fd77::1: -`},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, w.Gateway, c.do)
			err := w.Gateway.Do(func() error {
				var ways Ways
				defer ways.Close()
				for line := range strings.Lines(strings.TrimSpace(c.want)) {
					to, want, _ := strings.Cut(strings.TrimSpace(line), ": ")
					got, err := ways.Toward(netip.MustParseAddr(to))
					if err != nil {
						return err
					}
					if len(got) == 0 {
						got = []string{"-"}
					}
					if slices.Sort(got); strings.Join(got, " ") != want {
						t.Errorf("to %s leave by %s, want %s", to, got, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
