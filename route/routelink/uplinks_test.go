package routelink

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/route"
)

// TestTurn gives an uplink another router, and another interface, and takes that back: at no time there is no route.
func TestTurn(t *testing.T) {
	w := settled(t)
	way := func(gateway, name string) route.State {
		s := route.State{Ways: []route.Way{{Table: 20007, Family: inet.V4}, {Table: 20007, Family: inet.V6}}}
		if gateway == "" {
			s.Ways = append(s.Ways, route.Way{Table: 20007, Family: inet.V4, Interface: name}, route.Way{Table: 20007, Family: inet.V6, Interface: name})
			return s
		}
		for _, a := range strings.Fields(gateway) {
			ip := netip.MustParseAddr(a)
			s.Ways = append(s.Ways, route.Way{Table: 20007, Family: inet.FamilyOf(ip), Gateway: ip, Interface: name})
		}
		return s
	}
	states := []route.State{way("192.0.2.1 fe80::1", "wan0"), way("203.0.113.1 2001:db8:2::1", "wan0"), way("", "wan0"), way("198.18.1.1 fe80::1", "wan1"), way("", "wan1")}
	with(t, w.Gateway, func(c *Conn) error {
		if _, err := c.Apply(t.Context(), "snatctl", route.Diff(route.State{}, states[0])); err != nil {
			return err
		}
		for _, from := range states {
			got, err := c.Read("snatctl", everyFact)
			if err != nil {
				return err
			}
			if _, err := c.Apply(t.Context(), "snatctl", route.Diff(got.Have, from)); err != nil {
				return err
			}
			before := listing(t, w.Gateway)
			for _, to := range states {
				plan := route.Diff(from, to)
				if slices.ContainsFunc(plan, func(o route.Op) bool { return o.Instead == nil }) {
					t.Errorf("from %v to %v by %v", from, to, plan)
				}
				done, err := c.Apply(t.Context(), "snatctl", plan)
				if err != nil {
					return err
				}
				if got, err = c.Read("snatctl", everyFact); err != nil {
					return err
				}
				if left := route.Diff(got.Have, to); len(left) > 0 {
					t.Errorf("from %v to %v: left to do: %v", from, to, left)
				}
				if err := c.Undo(t.Context(), "snatctl", done); err != nil {
					return err
				}
				if after := listing(t, w.Gateway); after != before {
					t.Errorf("from %v to %v and back: %s", from, to, cmp.Diff(before, after))
				}
			}
		}
		return nil
	})
}

// TestUplinkFacts looks at what the routing of uplinks depends on, and makes an interface less strict.
func TestUplinkFacts(t *testing.T) {
	w := settled(t)
	run(t, w.Gateway, `sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.wan0.rp_filter=0 net.ipv4.conf.wan1.rp_filter=2; ip link add wan9 type veth peer name other; ip link set wan1 up
		echo 1 > /proc/sys/net/ipv6/conf/wan1/disable_ipv6`)
	with(t, w.Gateway, func(c *Conn) error {
		got, err := c.Read("snatctl", route.Ask{Uplinks: everyFact.Uplinks})
		if err != nil {
			return err
		}
		f := got.Facts
		if !f.V6 || !slices.Equal(f.Up, []string{"wan0", "wan1"}) || !slices.Equal(f.Up6, []string{"wan0"}) || !slices.Equal(f.Strict, []route.Loose{{Interface: "wan0"}}) || len(f.Links) > 2*9 {
			t.Errorf("the facts are %+v", f)
		}
		before := listing(t, w.Gateway)
		done, err := c.Apply(t.Context(), "snatctl", route.Diff(route.State{}, route.State{Loose: f.Strict}))
		if err != nil {
			return err
		}
		if got, err = c.Read("snatctl", route.Ask{Uplinks: everyFact.Uplinks}); err != nil || len(got.Facts.Strict) > 0 {
			t.Errorf("still strict: %v, %v", got.Facts.Strict, err)
		}
		if err := c.Undo(t.Context(), "snatctl", done); err != nil {
			return err
		}
		if after := listing(t, w.Gateway); after != before {
			t.Error(cmp.Diff(before, after))
		}
		return nil
	})
}
