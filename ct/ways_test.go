package ct

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestStaleWays changes the way out of a flow and nothing else. owner is whom it belongs to
// then, want the reason why it ends; "" if it stays.
func TestStaleWays(t *testing.T) {
	const (
		twoWays = "zone first from=10.1.0.0/16 oif=wan0 laddrs=198.51.100.1\nzone second from=10.1.0.0/16 oif=wan1,ppp* laddrs=203.0.113.1\n"
		special = "zone special from=10.1.0.0/16 oif=wan1 laddrs=203.0.113.1\nzone office from=10.1.0.0/16 laddrs=198.51.100.1\n"
		shared  = "zone first from=10.1.0.0/16 oif=wan0 laddrs=198.51.100.1\nzone second from=10.1.0.0/16 oif=wan1 laddrs=198.51.100.1,203.0.113.1\n"
		routed  = "zone office from=10.1.0.0/16 through=wan0:198.51.100.1,wan1:203.0.113.1\nzone guests from=10.2.0.0/16 laddrs=203.0.113.1\n"
		chosen  = "zone web from=10.1.0.0/16 ports=tcp/443 laddrs=203.0.113.1\nzone dns from=10.1.0.0/16 ports=udp/53 through=wan0:198.51.100.1,wan1:203.0.113.1\n"
		by0     = "udp 10.1.5.9:9 > 9.9.9.9:53 as 198.51.100.1:9 > 9.9.9.9:53"
		by1     = "udp 10.1.5.9:9 > 9.9.9.9:53 as 203.0.113.1:9 > 9.9.9.9:53"
	)
	for _, c := range []struct{ name, policy, flow, out, owner, want string }{
		{"the way stays", twoWays, by0, "wan0", "zone first", ""},
		{"the way is not known", twoWays, by0, "", "zone first", ""},
		{"the uplink fails over", twoWays, by0, "wan1", "zone first past", "zone first: leaves through wan1 now, where zone second decides"},
		{"the uplink fails over to one by pattern", twoWays, by0, "ppp3", "zone first past", "zone first: leaves through ppp3 now, where zone second decides"},
		{"and comes back", twoWays, by1, "wan0", "zone second past", "zone second: leaves through wan0 now, where zone first decides"},
		{"where no zone is", twoWays, by0, "tun0", "zone first past", "zone first: leaves through tun0 now"},
		{"by either of two", twoWays, by0, "wan0 wan1", "zone first", ""},
		{"by either of two others", twoWays, by0, "wan1 ppp0", "zone first past", "zone first: leaves through wan1 or ppp0 now, where zone second decides"},
		{"where a zone has the laddr, too", shared, by0, "wan1", "zone second", ""},
		{"where only one zone has the laddr", shared, by1, "wan0", "zone second past", "zone second: leaves through wan0 now, where zone first decides"},
		{"to where a zone of its own decides", special, by0, "wan1", "zone office past", "zone office: zone special decides about source 10.1.5.9 through wan1 now"},
		{"maybe to where a zone of its own decides", special, by0, "wan0 wan1", "zone office", ""},
		{"from where a zone of its own decides", special, by1, "wan0", "zone special past", "zone special: leaves through wan0 now, where zone office decides"},
		{"to where a zone refuses", "zone jail from=10.1.0.0/16 oif=wan1 action=drop\n" + special, by0, "wan1", "zone office", ""},
		{"to where only a zone refuses", "zone first from=10.1.0.0/16 oif=wan0 laddrs=198.51.100.1\nzone jail from=10.1.0.0/16 oif=wan1 action=drop\n", by0, "wan1", "zone first past",
			"zone first: leaves through wan1 now, where zone jail decides"},
		{"a zone with iif may have made it", "zone first from=10.1.0.0/16 iif laddrs=198.51.100.1\n" + twoWays, by0, "wan1", "zone first", ""},
		{"a laddr of the uplink", routed, by0, "wan0", "zone office", ""},
		{"a laddr of the uplink, of which nobody knows", routed, by0, "", "zone office", ""},
		{"a laddr of another uplink", routed, by0, "wan1", "zone office past", "zone office: laddr 198.51.100.1 is not for what leaves through wan1"},
		{"a laddr of one of two uplinks", routed, by1, "wan0 wan1", "zone office", ""},
		{"a laddr of no uplink", routed, by1, "tun0", "zone office past", "zone office: laddr 203.0.113.1 is not for what leaves through tun0"},
		{"a laddr of the uplink that a zone with conditions chose", chosen, by1, "wan1", "zone dns", ""},
		{"a laddr of another uplink than a zone with conditions chose", chosen, by1, "wan0", "zone dns past", "zone dns: laddr 203.0.113.1 is not for what leaves through wan0"},
		{"another's laddr", twoWays, "udp 10.1.5.9:9 > 9.9.9.9:53 as 198.51.100.77:9 > 9.9.9.9:53", "wan1", "nobody past", ""},
		{"untranslated", twoWays, "udp 10.1.5.9:9 > 9.9.9.9:53", "wan1", "nobody", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain, f := NewIndex(parseBindings(t, c.policy), gateway), parseFlow(t, c.flow)
			x := plain.WithWays(func(*Flow) []string { return strings.Fields(c.out) })
			owner := strings.Split(ownerText(x.Owner(f)), " laddr")[0]
			if x.Owner(f).Past {
				owner += " past"
			}
			if owner != c.owner {
				t.Errorf("it belongs to %s, want %s", owner, c.owner)
			}
			got := ""
			if why, stale := Contradicts(plain, x, f); stale {
				got = why.String()
			}
			if got != c.want {
				t.Errorf("it ends by %q, want %q", got, c.want)
			}
		})
	}
}

// A zone that refuses spares what the zone that made it would still translate; by the way that flows leave
// now, even if that zone has lost the source.
func TestRefusedWays(t *testing.T) {
	was := NewIndex(parseBindings(t, "zone office from=10.1.0.0/16 laddrs=198.51.100.1"), gateway)
	will := NewIndex(parseBindings(t, "zone jail from=10.1.0.0/16 action=drop\nzone office from=10.2.0.0/16 oif=wan0 laddrs=198.51.100.1"), gateway)
	f := parseFlow(t, "udp 10.1.5.9:9 > 9.9.9.9:53 as 198.51.100.1:9 > 9.9.9.9:53")
	for out, want := range map[string]bool{"wan0": false, "wan1": true, "": false} {
		if why, stale := Contradicts(was, will.WithWays(leaving(out)), f); stale != want {
			t.Errorf("by %q it is stale: %v (%s), want %v", out, stale, why, want)
		}
	}
}

// Only flows with a laddr, from sources of zones with oif, ask for their way.
func TestWaysAsked(t *testing.T) {
	const policy = "zone first from=10.1.0.0/16 oif=wan0 laddrs=198.51.100.1\nzone https from=10.3.0.0/16 ports=tcp/443 laddrs=198.51.100.1\nzone guests from=10.2.0.0/16 laddrs=198.51.100.1"
	asked := 0
	x := NewIndex(parseBindings(t, policy), gateway).WithWays(func(*Flow) []string { asked++; return nil })
	for flow, want := range map[string]int{
		"udp 10.1.5.9:9 > 9.9.9.9:53 as 198.51.100.1:9 > 9.9.9.9:53":   1,
		"udp 10.1.5.9:9 > 9.9.9.9:53":                                  0,
		"udp 10.2.5.9:9 > 9.9.9.9:53 as 198.51.100.1:9 > 9.9.9.9:53":   0,
		"tcp 10.3.5.9:9 > 9.9.9.9:443 as 198.51.100.1:9 > 9.9.9.9:443": 0,
	} {
		asked = 0
		if x.Owner(parseFlow(t, flow)); asked != want {
			t.Errorf("%s asks for %d ways, want %d", flow, asked, want)
		}
	}
}

// A NAT log has every flow that a zone translated, whichever way it leaves by now.
func TestLogOfFlowAstray(t *testing.T) {
	x := NewIndex(parseBindings(t, "zone first from=10.1.0.0/16 oif=wan0 laddrs=198.51.100.1"), gateway).WithWays(func(*Flow) []string { return []string{"wan1"} })
	e := &Event{Kind: New, Flow: *parseFlow(t, "udp 10.1.5.9:9 > 9.9.9.9:53 as 198.51.100.1:9 > 9.9.9.9:53")}
	o := x.Owner(&e.Flow)
	if _, logged := AppendLog(nil, e, time.Unix(0, 0), &o, false); !logged || o.Zone != "first" || o.Laddr != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("the flow is logged: %v, of zone %q", logged, o.Zone)
	}
}
