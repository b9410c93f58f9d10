package routelink

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route"
)

// with calls f with a connection to a host's namespace.
func with(t testing.TB, h *nstest.Host, f func(*Conn) error) {
	t.Helper()
	err := h.Do(func() error {
		c, err := Open()
		if err != nil {
			return err
		}
		defer c.Close()
		return f(c)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// everything is a state with each kind of thing.
func everything() route.State {
	return route.State{
		Routes: []route.Route{
			{Dst: netip.MustParsePrefix("192.0.2.16/28")}, {Dst: netip.MustParsePrefix("198.51.100.0/24")},
			{Dst: netip.MustParsePrefix("2001:db8:2::10/128")}, {Dst: netip.MustParsePrefix("2001:db8:99::/64")},
		},
		Neighbours: []route.Neighbour{{Addr: netip.MustParseAddr("2001:db8:2::10"), Interface: "wan0"}},
		Addresses: []route.Address{
			{Addr: netip.MustParseAddr("203.0.113.10"), Interface: "wan0"}, {Addr: netip.MustParseAddr("2001:db8:7::1"), Interface: "wan1"},
		},
		Proxying: []route.Proxying{"wan0"},
		Ways: []route.Way{
			{Table: 20007, Family: inet.V4}, {Table: 20007, Family: inet.V4, Gateway: netip.MustParseAddr("192.0.2.1"), Interface: "wan0"},
			{Table: 20007, Family: inet.V6}, {Table: 20007, Family: inet.V6, Gateway: netip.MustParseAddr("2001:db8:ffff::1"), Interface: "wan0"},
			{Table: 20008, Family: inet.V4}, {Table: 20008, Family: inet.V4, Interface: "wan1"}, {Table: 20008, Family: inet.V6, Interface: "wan1"},
		},
		Rules: []route.Rule{
			{Priority: 20000, Family: inet.V4, Mark: 0x88000000, Mask: 0xff000000, Table: 20007}, {Priority: 20000, Family: inet.V6, Mark: 0x88000000, Mask: 0xff000000, Table: 20007},
			{Priority: 20001, Family: inet.V4, Mask: 0x7f000000}, {Priority: 20001, Family: inet.V6, Mask: 0x7f000000},
			{Priority: 20001, Family: inet.V4, OIf: "wan0"}, {Priority: 20001, Family: inet.V4, From: netip.MustParseAddr("192.0.2.2")},
			{Priority: 20002, Family: inet.V4, Mark: 0x08000000, Mask: 0x7f000000, Table: 20007}, {Priority: 20002, Family: inet.V6, Mark: 0x08000000, Mask: 0x7f000000, Table: 20007},
			{Priority: 20002, Family: inet.V4, OIf: "wan0", Table: 20007}, {Priority: 20002, Family: inet.V6, From: netip.MustParseAddr("2001:db8:2::2"), Table: 20007},
		},
	}
}

// everyFact asks for all facts.
var everyFact = route.Ask{Addresses: true, Uplinks: []string{"wan0", "wan1", "wan9"}}

// listing is all that the kernel has of routes, rules, addresses and neighbour proxies, sorted.
func listing(t testing.TB, h *nstest.Host) string {
	t.Helper()
	out, err := h.Output(t.Context(), "sh", "-ec", "(ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; grep . /proc/sys/net/ipv4/conf/wan?/rp_filter; ip addr show; ip -6 neigh show proxy) | grep -v _lft | sort")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// settled makes a world whose kernel has entered what follows from its addresses.
func settled(t testing.TB) *nstest.World {
	t.Helper()
	w := nstest.New(t, nstest.Options{})
	for last, still := "", 0; still < 5; time.Sleep(50 * time.Millisecond) {
		now := listing(t, w.Gateway)
		if still++; now != last || strings.Contains(now, "tentative") {
			last, still = now, 0
		}
	}
	return w
}

func TestApplyAndRead(t *testing.T) {
	w := settled(t)
	h := w.Gateway
	// Others' things, some of them as near to ours as can be.
	run(t, h, `ip rule add pref 20001 fwmark 0x08000000/0x7f000000 lookup 20007; ip rule add pref 20002 fwmark 0x08000000 lookup 20007; ip rule add pref 32765 from 10.66.0.0/16 lookup 100
		ip route add default via 192.0.2.77 table 20007; ip route add 10.99.0.0/16 via 192.0.2.77 table 20007 proto 115 metric 3
		ip route add local 203.0.113.99 dev lo; ip route add blackhole 198.51.100.0/28 metric 7; ip -6 route add blackhole 2001:db8:99::/96
		ip route add local 203.0.113.98 dev lo table local proto 115 metric 5
		ip -6 neigh add proxy 2001:db8:2::99 dev wan0; ip addr add 203.0.113.96/32 dev wan0 metric 7`)
	before := listing(t, h)
	with(t, h, func(c *Conn) error {
		for _, table := range []string{"snatctl", "edge"} {
			got, err := c.Read(table, everyFact)
			if err != nil || !got.Have.Empty() {
				t.Fatalf("before, %s has %v, %v", table, got.Have, err)
			}
		}
		want := everything()
		if _, err := c.Apply(t.Context(), "snatctl", route.Diff(route.State{}, want)); err != nil {
			return err
		}
		got, err := c.Read("snatctl", everyFact)
		if err != nil {
			return err
		}
		if left := route.Diff(got.Have, want); len(left) > 0 {
			t.Errorf("after apply there is left to do: %v", left)
		}
		other, err := c.Read("edge", everyFact)
		if err != nil {
			return err
		}
		if !other.Have.Empty() {
			t.Errorf("a policy with another table has %v", other.Have)
		}
		// Both have the same prefixes and leave them to each other.
		second := route.State{Routes: want.Routes, Ways: []route.Way{{Table: 21000, Family: inet.V4}}, Rules: []route.Rule{
			{Priority: 21001, Family: inet.V4, Mask: 0x7f000000}, {Priority: 21002, Family: inet.V4, Mark: 0x08000000, Mask: 0x7f000000, Table: 21000}}}
		if _, err := c.Apply(t.Context(), "edge", route.Diff(route.State{}, second)); err != nil {
			return err
		}
		if got, err = c.Read("snatctl", everyFact); err != nil {
			return err
		}
		if left, _ := route.Diff(got.Have, want).Uplinks(); len(left) > 0 || !slices.Contains(got.Facts.Taken, 21000) {
			t.Errorf("what the other policy has is taken for ours: %v; taken: %v", left, got.Facts.Taken)
		}
		if _, err := c.Apply(t.Context(), "edge", route.Diff(second, route.State{})); err != nil {
			return err
		}
		if got, err = c.Read("snatctl", everyFact); err != nil {
			return err
		}
		if left := route.Diff(got.Have, want); len(left) > 0 {
			t.Errorf("after the other policy went there is left to do: %v", left)
		}
		_, err = c.Apply(t.Context(), "snatctl", route.Diff(got.Have, route.State{}))
		return err
	})
	if after := listing(t, h); after != before {
		t.Error(cmp.Diff(before, after))
	}
}

// TestReadFacts looks at what a policy's wants depend on.
func TestReadFacts(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	run(t, w.Gateway, `ip -6 neigh add proxy 2001:db8:2::99 dev wan0; ip route add 20.0.2.0/24 dev wan1
		ip route add 1.2.3.0/24 nexthop via 192.0.2.77 nexthop via 198.18.1.77; ip route add default via 192.0.2.78 table 100
		ip tuntap add tun7 mode tun; ip addr add 10.99.0.1 peer 10.99.0.2 dev tun7; ip link set tun7 up; ip route add 10.98.0.0/16 dev tun7`)
	with(t, w.Gateway, func(c *Conn) error {
		h, err := c.Read("snatctl", everyFact)
		if err != nil {
			return err
		}
		text := fmt.Sprint(h.Facts)
		for _, want := range []string{
			"{wan0 192.0.2.0/24}", "{wan1 20.0.2.0/24}", "{wan0 2001:db8:2::/64}", "{lan0 10.1.0.0/16}", // links
			"{192.0.2.1 wan0}", "{192.0.2.77 wan0}", "{198.18.1.77 wan1}", "{192.0.2.78 wan0}", "{10.99.0.2 tun7}", "{2001:db8:2::1 wan0}", // hops
			"192.0.2.2", "fd05::fe", "10.99.0.1", // own
			"2001:db8:2::99 dev wan0", "wan1", "tun7", // proxies of others, interfaces
		} {
			if !strings.Contains(text, want) {
				t.Errorf("the facts have no %s: %s", want, text)
			}
		}
		for _, not := range []string{"{tun7 ", "{lo ", "/0}", "fe80::/"} {
			if strings.Contains(text, not) {
				t.Errorf("the facts have %s: %s", not, text)
			}
		}
		return nil
	})
}

// TestReadNothing reads where no interface was ever up: tables do not exist, and the kernel says so.
func TestReadNothing(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	err := w.Gateway.Do(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		c, err := Open()
		if err != nil {
			return err
		}
		defer c.Close()
		h, err := c.Read("snatctl", everyFact)
		if len(h.Have.Routes) > 0 {
			t.Errorf("found %v", h.Have)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestApplyTakesBack makes a step fail behind each of the others.
func TestApplyTakesBack(t *testing.T) {
	w := settled(t)
	run(t, w.Gateway, "ip link add gone type veth peer name other; echo 1 > /proc/sys/net/ipv6/conf/gone/disable_ipv6; ip link set gone up")
	bad := route.Op{Thing: route.Address{Addr: netip.MustParseAddr("2001:db8:66::1"), Interface: "gone"}}
	before := listing(t, w.Gateway)
	plan := route.Diff(route.State{}, everything())
	for i := range len(plan) + 1 {
		p := append(append(route.Plan{}, plan[:i]...), bad)
		p = append(p, plan[i:]...)
		with(t, w.Gateway, func(c *Conn) error {
			_, err := c.Apply(t.Context(), "snatctl", p)
			if err == nil || !strings.Contains(err.Error(), "address 2001:db8:66::1 dev gone") {
				t.Errorf("with a bad step at %d: %v", i, err)
			}
			got, err := c.Read("snatctl", everyFact)
			if len(got.Have.Proxying) > 0 {
				t.Errorf("left switched on: %v", got.Have.Proxying)
			}
			return err
		})
		if after := listing(t, w.Gateway); after != before {
			t.Fatalf("with a bad step at %d: %s", i, cmp.Diff(before, after))
		}
	}
	with(t, w.Gateway, func(c *Conn) error {
		nowhere := route.Plan{{Thing: route.Address{Addr: netip.MustParseAddr("203.0.113.1"), Interface: "nowhere"}}}
		if _, err := c.Apply(t.Context(), "snatctl", nowhere); err == nil {
			t.Error("an address was put on an interface that does not exist")
		}
		// What has gone already is no error, even together with its interface.
		gone := route.Plan{{Remove: true, Thing: plan[1].Thing}, {Remove: true, Thing: nowhere[0].Thing}}
		done, err := c.Apply(t.Context(), "snatctl", gone)
		if len(done) > 0 {
			t.Errorf("removed %v, which was not there", done)
		}
		return err
	})
}

// TestMendsWhatWasInterrupted carries out each beginning of a plan, as somebody does who is
// killed there, and holds that the next one finds all of it.
func TestMendsWhatWasInterrupted(t *testing.T) {
	w := settled(t)
	before := listing(t, w.Gateway)
	there, back := route.Diff(route.State{}, everything()), route.Diff(everything(), route.State{})
	with(t, w.Gateway, func(c *Conn) error {
		for _, plan := range []route.Plan{there, append(append(route.Plan{}, there...), back...)} {
			for i := range len(plan) + 1 {
				if _, err := c.carry(t.Context(), "snatctl", plan[:i]); err != nil {
					return err
				}
				for _, want := range []route.State{everything(), {}} {
					got, err := c.Read("snatctl", everyFact)
					if err != nil {
						return err
					}
					if _, err := c.Apply(t.Context(), "snatctl", route.Diff(got.Have, want)); err != nil {
						return fmt.Errorf("after %d steps: %w", i, err)
					}
				}
				if after := listing(t, w.Gateway); after != before {
					t.Fatalf("after %d steps: %s", i, cmp.Diff(before, after))
				}
			}
		}
		return nil
	})
}

// TestAnnounce listens to what neighbours are told.
func TestAnnounce(t *testing.T) {
	w := nstest.New(t, nstest.Options{})
	vip, vip6 := netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("2001:db8:2::77")
	// Outside knows another host by these addresses.
	run(t, w.Outside, "ip neigh replace 192.0.2.77 lladdr 02:00:00:00:00:99 nud stale dev wan0; ip -6 neigh replace 2001:db8:2::77 lladdr 02:00:00:00:00:99 nud stale dev wan0")
	as := []route.Address{{Addr: vip, Interface: "wan0"}, {Addr: vip6, Interface: "wan0"}, {Addr: vip, Interface: "lo"}}
	with(t, w.Gateway, func(*Conn) error { return Announce(as) })
	out, err := w.Gateway.Output(t.Context(), "ip", "-br", "link", "show", "wan0")
	if err != nil {
		t.Fatal(err)
	}
	mac := strings.Fields(out)[2]
	for _, a := range []netip.Addr{vip, vip6} {
		out, err := w.Outside.Output(t.Context(), "ip", "neigh", "show", a.String(), "dev", "wan0")
		if err != nil || !strings.Contains(out, mac) {
			t.Errorf("a neighbour knows %s as %q, %v; the gateway is %s", a, out, err, mac)
		}
	}
}

// BenchmarkApply is what entering and removing costs the kernel: of routes 30,000, of what goes one by
// one as many as are allowed.
func BenchmarkApply(b *testing.B) {
	w := nstest.New(b, nstest.Options{})
	v4 := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{20, byte(i >> 15), byte(i >> 7), byte(i << 1)}) }
	v6 := func(i int) netip.Addr {
		return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(i >> 15), 14: byte(i >> 7), 15: byte(i << 1)})
	}
	p := policy.Policy{Gateway: policy.Gateway{Addresses: policy.Addresses{Mode: policy.AddressesRoutes}}}
	var proxies, addrs4, addrs6 route.State
	for i := range 30000 {
		p.Services = append(p.Services, policy.Service{VIP: []netip.Addr{v4(i), v6(i)}})
	}
	for i := range route.Most {
		proxies.Neighbours = append(proxies.Neighbours, route.Neighbour{Addr: v6(i), Interface: "wan0"})
		addrs4.Addresses = append(addrs4.Addresses, route.Address{Addr: v4(i), Interface: "wan0"})
		addrs6.Addresses = append(addrs6.Addresses, route.Address{Addr: v6(i), Interface: "wan0"})
	}
	routes, err := route.Want(&p, route.Facts{})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		want route.State
	}{{"routes", routes}, {"proxies", proxies}, {"addresses4", addrs4}, {"addresses6", addrs6}} {
		b.Run(c.name, func(b *testing.B) {
			with(b, w.Gateway, func(conn *Conn) error {
				for b.Loop() {
					plan := route.Diff(route.State{}, c.want)
					if _, err := conn.Apply(b.Context(), "snatctl", plan); err != nil {
						return err
					}
					b.StopTimer()
					if _, err := conn.Apply(b.Context(), "snatctl", plan.Inverse()); err != nil {
						return err
					}
					b.StartTimer()
				}
				return nil
			})
		})
	}
}
