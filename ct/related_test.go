package ct

import (
	"net/netip"
	"testing"
)

// TestRelated asks for the owner of flows that FTP's helper expected, and what becomes of them
// when the policy changes.
func TestRelated(t *testing.T) {
	const (
		office  = "zone office from=10.1.0.0/16 laddrs=198.51.100.1\n"
		lan     = "zone lan from=10.1.0.0/16 action=accept\n"
		ftp     = "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.1:2121,192.168.1.2\n"
		full    = "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.2 laddrs=192.168.2.250\n"
		all     = ftp + "service rest at=203.0.113.10/tcp/* servers=192.168.1.9\n"
		outward = " of 10.1.5.9:40000 > 9.9.9.9:21"
		inward  = " of 8.8.8.8:40000 > 203.0.113.10:21"
		passive = "tcp 10.1.5.9:40001 > 9.9.9.9:6000 as 198.51.100.1:40001 > 9.9.9.9:6000" + outward
		active  = "tcp 9.9.9.9:20 > 198.51.100.1:50001 as 9.9.9.9:20 > 10.1.5.9:50001" + outward
		opened  = "tcp 8.8.8.8:40001 > 203.0.113.10:6000 as 8.8.8.8:40001 > 192.168.1.2:6000" + inward
		calling = "tcp 192.168.1.2:20 > 8.8.8.8:50001 as 203.0.113.10:20 > 8.8.8.8:50001" + inward
		other   = "tcp 8.8.8.8:40001 > 203.0.113.10:6000 as 8.8.8.8:40001 > 192.168.1.1:6000" + inward
		behind  = "tcp 8.8.8.8:40001 > 203.0.113.10:6000 as 192.168.2.250:40001 > 192.168.1.2:6000" + inward
		calls   = "tcp 192.168.1.2:20 > 192.168.2.250:50001 as 203.0.113.10:20 > 8.8.8.8:50001" + inward
	)
	for _, c := range []struct{ name, policy, flow, owner, then, ends string }{
		{"passive, of a zone", office, passive, "zone office laddr 198.51.100.1 of pool", "", "zone office: is no longer there"},
		{"active, of a zone", office, active, "zone office laddr 198.51.100.1 of pool", "", "zone office: is no longer there"},
		{"the zone loses its laddr", office, active, "zone office laddr 198.51.100.1 of pool", "zone office from=10.1.0.0/16 laddrs=198.51.100.2", "zone office: laddr 198.51.100.1 is no longer one of its laddrs"},
		{"the zone stays", office, active, "zone office laddr 198.51.100.1 of pool", office + ftp, ""},
		{"of a zone that accepts", lan, "tcp 9.9.9.9:20 > 10.1.5.9:50001" + outward, "zone lan", "", ""},
		{"of nobody", ftp, active, "nobody past", office, ""},
		{"passive, of a service", ftp, opened, "service ftp 192.168.1.2:21", "", "service ftp: is no longer there"},
		{"passive, where another service takes all ports", all, opened, "service ftp 192.168.1.2:21", all, ""},
		{"active, of a service", ftp, calling, "service ftp 192.168.1.2:21", "", "service ftp: is no longer there"},
		{"of a real server at a port of its own", ftp, other, "service ftp 192.168.1.1:2121", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.2", "service ftp: real server 192.168.1.1:2121 is no longer listed"},
		{"of a real server that is gone", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.9", other, "service ftp 192.168.1.1:6000 past", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.1", ""},
		{"of a real server that is gone, active", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.9", calling, "service ftp 192.168.1.2:20 past", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.2", ""},
		{"another real server goes", ftp, other, "service ftp 192.168.1.1:2121", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.1:2121", ""},
		{"passive, of a service with laddrs", full, behind, "service ftp 192.168.1.2:21 laddr 192.168.2.250 of pool", "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.2 laddrs=192.168.2.251", "service ftp: laddr 192.168.2.250 is no longer one of its laddrs"},
		{"active, of a service with laddrs", full, calls, "service ftp 192.168.1.2:21 laddr 192.168.2.250 of pool", full, ""},
		{"between others than the master's ends", office, "udp 10.1.5.10:9000 > 8.8.8.8:9000 as 198.51.100.1:9000 > 8.8.8.8:9000 of 10.1.5.9:5060 > 9.9.9.9:5060", "zone office laddr 198.51.100.1 of pool", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, x := parseFlow(t, c.flow), NewIndex(parseBindings(t, c.policy), gateway)
			if got := ownerText(x.Owner(f)); got != c.owner {
				t.Errorf("it belongs to %s, want %s", got, c.owner)
			}
			if why, stale := Contradicts(x, x, f); stale && !x.Owner(f).Past {
				t.Errorf("it ends although nothing changes: %s", why)
			}
			got := ""
			if why, stale := Contradicts(x, NewIndex(parseBindings(t, c.then), gateway), f); stale {
				got = why.String()
			}
			if got != c.ends {
				t.Errorf("it ends by %q, want %q", got, c.ends)
			}
		})
	}
}

// The kernel does not tell a flow's master when it ends: who has heard of its begin knows it.
func TestMasters(t *testing.T) {
	x := NewIndex(parseBindings(t, "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.2"), gateway)
	f := parseFlow(t, "tcp 8.8.8.8:40001 > 203.0.113.10:6000 as 8.8.8.8:40001 > 192.168.1.2:6000 of 8.8.8.8:40000 > 203.0.113.10:21")
	f.ID = 7
	ends := func(m *Masters) string {
		e := &Event{Kind: Destroy, Flow: *f}
		e.Flow.Master = Tuple{}
		m.Heard(e)
		return ownerText(x.Owner(&e.Flow))
	}
	var m Masters
	if got := ends(&m); got != "nobody" {
		t.Errorf("a flow that began unheard belongs to %s at its end, want nobody", got)
	}
	m.Heard(&Event{Kind: New, Flow: *f})
	if got := ends(&m); got != "service ftp 192.168.1.2:21" {
		t.Errorf("a flow belongs to %s at its end", got)
	}
	if len(m.of) != 0 {
		t.Errorf("%d masters are kept of flows that have ended", len(m.of))
	}
	m.Listed(f)
	if got := ends(&m); got != "service ftp 192.168.1.2:21" {
		t.Errorf("a listed flow belongs to %s at its end", got)
	}
	for i := range mostMasters + 10 {
		f.ID = uint32(i)
		m.Listed(f)
	}
	if len(m.of) > mostMasters {
		t.Errorf("%d masters are kept", len(m.of))
	}
}

// A service that translates no source has no laddr to count, though its VIP is the source of
// what its real servers open.
func TestRelatedTally(t *testing.T) {
	y := NewTally(NewIndex(parseBindings(t, "service ftp at=203.0.113.10/tcp/21 servers=192.168.1.2"), gateway))
	y.Add(parseFlow(t, "tcp 192.168.1.2:20 > 8.8.8.8:50001 as 203.0.113.10:20 > 8.8.8.8:50001 of 8.8.8.8:40000 > 203.0.113.10:21"))
	r := y.Report()
	if s := r.Services[0]; s.Flows != 1 || s.Servers[0].Flows != 1 || len(s.Laddrs) != 0 || len(s.Gone) != 0 {
		t.Errorf("the report says %+v", s)
	}
	if r.Totals != (Totals{Entries: 1, Owned: 1}) {
		t.Errorf("the totals are %+v", r.Totals)
	}
	if l := y.laddrs[netip.MustParseAddr("203.0.113.10")]; l != 0 || len(y.laddrs) != 0 {
		t.Errorf("laddrs are counted: %v", y.laddrs)
	}
}
