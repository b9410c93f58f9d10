package routelink

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/nstest"
)

func flow(from, to string) *ct.Flow {
	src, dst := netip.AddrPortFrom(netip.MustParseAddr(from), 999), netip.AddrPortFrom(netip.MustParseAddr(to), 53)
	return &ct.Flow{Orig: ct.Tuple{Proto: inet.UDP, Src: src, Dst: dst}, Reply: ct.Tuple{Proto: inet.UDP, Src: dst, Dst: src}}
}

// TestWays changes the rules and routes of a gateway with two uplinks. A line of want is where
// flows from one address to another, with a mark, leave; "-": nobody knows.
func TestWays(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	for _, c := range []struct{ name, do, undo, want string }{
		{"as the world is", "", "", `
			10.1.5.9 8.8.8.8: wan0
			10.1.5.9 9.9.9.9: wan1
			10.1.5.9 1.2.3.4: wan0
			10.1.200.9 1.2.3.4: wan0
			10.1.5.9 192.168.1.1: dc0
			10.1.5.9 192.0.2.2: -
			10.1.5.9 224.0.0.5: -
			fd01::9 2001:db8:8::8: wan0
			fd01::9 2001:db8:9::9: wan1
			fd01::9 2a00::1: wan0
			fd01::9 ff02::1: -`},
		{"a more precise route", "ip route add 1.2.3.0/30 via 198.18.1.1", "ip route del 1.2.3.0/30", `
			10.1.5.9 1.2.2.255: wan0
			10.1.5.9 1.2.3.0: wan1
			10.1.5.9 1.2.3.3: wan1
			10.1.5.9 1.2.3.4: wan0`},
		{"failover", "ip route replace default via 198.18.1.1", "ip route replace default via 192.0.2.1", `
			10.1.5.9 1.2.3.4: wan1
			fd01::9 2a00::1: wan0`},
		{"failover of IPv6", "ip -6 route replace default via 2001:db8:3::1", "ip -6 route replace default via 2001:db8:2::1", `
			10.1.5.9 1.2.3.4: wan0
			fd01::9 2a00::1: wan1`},
		{"two next hops", "ip route replace default nexthop via 198.18.1.1 nexthop via 192.0.2.1", "ip route replace default via 192.0.2.1", `
			10.1.5.9 1.2.3.4: wan1 wan0
			10.2.5.9 1.2.3.4: wan1 wan0`},
		{"next hops that are objects", "ip nexthop add id 7 via 198.18.1.1 dev wan1; ip route replace default nhid 7", "ip route replace default via 192.0.2.1; ip nexthop del id 7", `
			10.1.5.9 1.2.3.4: wan1`},
		{"next hops that only objects tell", "sysctl -qw net.ipv4.nexthop_compat_mode=0; ip nexthop add id 7 via 198.18.1.1 dev wan1; ip nexthop add id 8 via 192.0.2.1 dev wan0; " +
			"ip nexthop add id 9 group 7/8; ip route replace default nhid 9", "ip route replace default via 192.0.2.1; ip nexthop flush; sysctl -qw net.ipv4.nexthop_compat_mode=1", `
			10.1.5.9 1.2.3.4: wan1 wan0`},
		{"nowhere", "ip route replace blackhole default", "ip route del blackhole default; ip route replace default via 192.0.2.1", `
			10.1.5.9 1.2.3.4: -
			10.1.5.9 8.8.8.8: wan0`},
		{"by source", "ip rule add from 10.1.5.8/31 lookup 100; ip route add default via 198.18.1.1 table 100", "ip rule del lookup 100; ip route flush table 100", `
			10.1.5.7 1.2.3.4: wan0
			10.1.5.8 1.2.3.4: wan1
			10.1.5.9 1.2.3.4: wan1
			10.1.5.10 1.2.3.4: wan0`},
		{"by source, IPv6", "ip -6 rule add from fd01::8/125 lookup 100; ip -6 route add default via 2001:db8:3::1 table 100", "ip -6 rule del lookup 100; ip -6 route flush table 100", `
			fd01::7 2a00::1: wan0
			fd01::9 2a00::1: wan1`},
		{"routes of IPv6 that ask for sources", "ip -6 route add 2a00::/16 from fd01::8/125 via 2001:db8:3::1", "ip -6 route del 2a00::/16 from fd01::8/125", `
			fd01::7 2a00::1: wan0
			fd01::9 2a00::1: wan1`},
		{"by where it comes in", "ip rule add iif lan1 lookup 100; ip route add default via 198.18.1.1 table 100", "ip rule del lookup 100; ip route flush table 100", `
			10.1.5.9 1.2.3.4: wan0
			10.2.5.9 1.2.3.4: wan1`},
		{"by mark", "ip rule add fwmark 7 lookup 100; ip route add default via 198.18.1.1 table 100", "ip rule del lookup 100; ip route flush table 100", `
			10.1.5.9 1.2.3.4: wan0 wan1
			10.1.5.9 192.168.1.1: dc0 wan1`},
		{"by port", "ip rule add ipproto udp dport 53 lookup 100; ip route add default via 198.18.1.1 table 100", "ip rule del lookup 100; ip route flush table 100", `
			10.1.5.9 1.2.3.4: -
			fd01::9 2a00::1: wan0`},
		{"by uplink", "ip rule add pref 20001 not fwmark 0/0x7f000000 lookup main suppress_prefixlength 0 proto 115; ip rule add pref 20002 fwmark 0x07000000/0x7f000000 lookup 20006 proto 115; ip route add default via 198.18.1.1 table 20006",
			"ip rule del pref 20001; ip rule del pref 20002; ip route flush table 20006", `
			10.1.5.9 1.2.3.4: wan0
			10.1.5.9 1.2.3.4 07000001: wan1
			10.1.5.9 1.2.3.4 87000000: wan0
			10.1.5.9 8.8.8.8 07000000: wan0
			10.1.5.9 192.168.1.1 07000000: dc0`},
		{"and back", "", "", `
			10.1.5.9 1.2.3.4: wan0
			fd01::9 2a00::1: wan0`},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, w.Gateway, c.do)
			defer run(t, w.Gateway, c.undo)
			err := w.Gateway.Do(func() error {
				var ways Ways
				defer ways.Close()
				for line := range strings.Lines(strings.TrimSpace(c.want)) {
					call, want, _ := strings.Cut(strings.TrimSpace(line), ": ")
					from, to, _ := strings.Cut(call, " ")
					to, mark, _ := strings.Cut(to, " ")
					f := flow(from, to)
					if mark != "" {
						n, err := strconv.ParseUint(mark, 16, 32)
						if err != nil {
							return err
						}
						f.Mark = uint32(n)
					}
					got := strings.Join(ways.Of(f), " ")
					if got == "" {
						got = "-"
					}
					if got != want {
						t.Errorf("from %s to %s leaves by %s, want %s", from, to, got, want)
					}
				}
				return ways.Err()
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func run(t *testing.T, h *nstest.Host, commands string) {
	t.Helper()
	if commands == "" {
		return
	}
	if _, err := h.Output(t.Context(), "sh", "-ec", commands); err != nil {
		t.Fatal(err)
	}
}

// However many flows there are, the kernel is asked only for those that it may tell apart.
func TestWaysAskFew(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	err := w.Gateway.Do(func() error {
		var ways Ways
		defer ways.Close()
		for i := range 20000 {
			if out := ways.Of(flow(fmt.Sprintf("10.1.%d.%d", 1+i>>8&63, i&255), fmt.Sprintf("8.8.8.%d", i&255))); len(out) != 1 || out[0] != "wan0" {
				t.Fatalf("the %d-th flow leaves by %v", i, out)
			}
		}
		if n := len(ways.known); n > 12 {
			t.Errorf("the kernel was asked %d times", n)
		}
		return ways.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkWays(b *testing.B) {
	w := nstest.New(b, nstest.Options{})
	flows := make([]*ct.Flow, 50000)
	for i := range flows {
		flows[i] = flow(fmt.Sprintf("10.1.%d.%d", 1+i>>8&63, i&255), fmt.Sprintf("%d.8.%d.%d", 20+i%100, i>>8&255, i&255))
	}
	err := w.Gateway.Do(func() error {
		b.ReportAllocs()
		for b.Loop() {
			var ways Ways
			for _, f := range flows {
				if len(ways.Of(f)) == 0 {
					b.Fatal("no way")
				}
			}
			ways.Close()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(flows)), "ns/flow")
}
