package ct

import "testing"

// TestStale changes a policy under a flow. want is the reason why it ends; "" if it stays.
func TestStale(t *testing.T) {
	const (
		toRS1  = "tcp 8.8.8.8:9 > 203.0.113.10:80 as 8.8.8.8:9 > 192.168.1.1:80"
		web    = "service web at=203.0.113.10/tcp/80 servers=192.168.1.1,192.168.1.2\n"
		full   = "service web at=203.0.113.10/tcp/80 servers=192.168.1.1 laddrs=192.168.2.250\n"
		viaL1  = "tcp 8.8.8.8:9 > 203.0.113.10:80 as 192.168.2.250:9 > 192.168.1.1:80"
		out1   = "tcp 10.1.5.9:9 > 9.9.9.9:443 as 198.51.100.1:9 > 9.9.9.9:443"
		office = "zone office from=10.1.0.0/16 laddrs=198.51.100.1-198.51.100.2\n"
		masq   = "tcp 10.1.5.9:9 > 9.9.9.9:443 as 192.0.2.1:9 > 9.9.9.9:443"
		home   = "zone home from=10.1.0.0/16 action=masquerade\n"
		lab    = "zone lab from=10.9.8.0/24 map=198.18.8.0/24\n"
		labOut = "tcp 10.9.8.5:9 > 9.9.9.9:443 as 198.18.8.5:9 > 9.9.9.9:443"
		labIn  = "tcp 9.9.9.9:9 > 198.18.8.5:22 as 9.9.9.9:9 > 10.9.8.5:22"
		gone   = "no policy"

		quarantine = "zone quarantine from=10.1.5.0/24 action=drop\n"
		others     = "zone office from=10.1.0.0-10.1.4.255,10.1.6.0-10.1.255.255 laddrs=198.51.100.1-198.51.100.2\n"
	)
	for _, c := range []struct{ name, was, will, flow, want string }{
		{"nothing changes", web, web, toRS1, ""},
		{"first apply, a flow as the policy wants it", gone, web, toRS1, ""},
		{"real server removed", web, "service web at=203.0.113.10/tcp/80 servers=192.168.1.2", toRS1, "service web: real server 192.168.1.1:80 is no longer listed"},
		{"real server removed, the other's flow", web, "service web at=203.0.113.10/tcp/80 servers=192.168.1.1", toRS1, ""},
		{"real server drains", web, "service web at=203.0.113.10/tcp/80 servers=192.168.1.1*0,192.168.1.2", toRS1, ""},
		{"real server on another port", web, "service web at=203.0.113.10/tcp/80 servers=192.168.1.1:8080", toRS1, "service web: real server 192.168.1.1:80 is no longer listed"},
		{"port written out", web, "service web at=203.0.113.10/tcp/80 servers=192.168.1.1:80", toRS1, ""},
		{"service gone", web, office, toRS1, "service web: is no longer there"},
		{"table gone", web, gone, toRS1, "service web: is no longer there"},
		{"service renamed", web, "service www at=203.0.113.10/tcp/80 servers=192.168.1.1", toRS1, ""},
		{"service moved to another VIP", web, "service web at=203.0.113.99/tcp/80 servers=192.168.1.1", toRS1, "service web: no longer takes tcp at 203.0.113.10:80"},
		{"service takes a range now", web, "service web at=203.0.113.10/tcp/1-1000 servers=192.168.1.1", toRS1, ""},
		{"front is another service's", web, "service web at=203.0.113.10/tcp/443 servers=192.168.1.1\nservice new at=203.0.113.10/tcp/80 servers=192.168.1.9", toRS1,
			"service new: real server 192.168.1.1:80 is no longer listed"},
		{"exact port taken out of a range", "service all at=203.0.113.10/tcp/* servers=192.168.1.1", "service all at=203.0.113.10/tcp/* servers=192.168.1.1\nservice web at=203.0.113.10/tcp/80 servers=192.168.1.9", toRS1,
			"service web: real server 192.168.1.1:80 is no longer listed"},
		{"real server missed by a cleanup before, service gone now", "service web at=203.0.113.10/tcp/80 servers=192.168.1.2", gone, toRS1, "service web: is no longer there"},
		{"missed by a cleanup before, nothing changes now", "service web at=203.0.113.10/tcp/80 servers=192.168.1.9", "service web at=203.0.113.10/tcp/80 servers=192.168.1.9", toRS1, "service web: real server 192.168.1.1:80 is no longer listed"},
		{"first apply, a front where another translated so far", gone, "service web at=203.0.113.10/tcp/80 servers=192.168.1.9", toRS1, ""},
		{"a new service's front where another translated so far", office, "service web at=203.0.113.10/tcp/80 servers=192.168.1.9", toRS1, ""},
		{"a new map where another translated so far", office, lab, "tcp 9.9.9.9:9 > 198.18.8.5:22 as 9.9.9.9:9 > 172.17.0.2:22", ""},
		{"another's port forwarding", web, gone, "tcp 8.8.8.8:9 > 192.0.2.1:2222 as 8.8.8.8:9 > 172.17.0.2:22", ""},
		{"another's port forwarding at a VIP", gone, web, "tcp 8.8.8.8:9 > 203.0.113.10:22 as 8.8.8.8:9 > 172.17.0.2:22", ""},
		{"another's port forwarding at a VIP, all goes", web, gone, "tcp 8.8.8.8:9 > 203.0.113.10:22 as 8.8.8.8:9 > 172.17.0.2:22", ""},
		{"untranslated to a VIP", web, web, "tcp 8.8.8.8:9 > 203.0.113.10:80", ""},

		{"fullnat, nothing changes", full, full, viaL1, ""},
		{"fullnat, laddr removed", full, "service web at=203.0.113.10/tcp/80 servers=192.168.1.1 laddrs=192.168.2.251", viaL1, "service web: laddr 192.168.2.250 is no longer one of its laddrs"},
		{"fullnat becomes nat", full, web, viaL1, "service web: laddr 192.168.2.250 is no longer one of its laddrs"},
		{"nat becomes fullnat", web, full, toRS1, ""},
		{"fullnat, real server and laddr removed", full, "service web at=203.0.113.10/tcp/80 servers=192.168.1.9 laddrs=192.168.2.251", viaL1, "service web: real server 192.168.1.1:80 is no longer listed"},
		{"nat, another's masquerading behind it", web, web, "tcp 8.8.8.8:9 > 203.0.113.10:80 as 192.0.2.1:9 > 192.168.1.1:80", ""},
		{"nat, another's masquerading by an address that is a laddr too", web, web + "zone office from=10.1.0.0/16 laddrs=192.0.2.1", "tcp 8.8.8.8:9 > 203.0.113.10:80 as 192.0.2.1:9 > 192.168.1.1:80", ""},
		{"fullnat, the kernel chose another port", full, full, "tcp 8.8.8.8:9 > 203.0.113.10:80 as 192.168.2.250:1024 > 192.168.1.1:80", ""},
		{"nat, the kernel chose another port", web, web, "tcp 8.8.8.8:9 > 203.0.113.10:80 as 8.8.8.8:1024 > 192.168.1.1:80", ""},

		{"zone, nothing changes", office, office, out1, ""},
		{"laddr removed", office, "zone office from=10.1.0.0/16 laddrs=198.51.100.2", out1, "zone office: laddr 198.51.100.1 is no longer one of its laddrs"},
		{"laddr added", office, "zone office from=10.1.0.0/16 laddrs=198.51.100.0/24", out1, ""},
		{"zone gone", office, web, out1, "zone office: is no longer there"},
		{"table gone, zone", office, gone, out1, "zone office: is no longer there"},
		{"zone renamed", office, "zone bureau from=10.1.0.0/16 laddrs=198.51.100.1", out1, ""},
		{"source moved to another zone", office, "zone guests from=10.1.5.0/24 laddrs=198.51.100.9\nzone office from=10.1.0.0-10.1.4.255,10.1.6.0-10.1.255.255 laddrs=198.51.100.1", out1,
			"zone office: zone guests decides about source 10.1.5.9 now"},
		{"source moved to another zone with the laddr", office, "zone guests from=10.1.5.0/24 laddrs=198.51.100.1", out1, ""},
		{"source no longer held", office, "zone office from=10.2.0.0/16 laddrs=198.51.100.1", out1, "zone office: no longer matches what comes from 10.1.5.9"},
		{"zone drops now", office, "zone office from=10.1.0.0/16 action=drop", out1, "zone office: its action is drop now"},
		{"zone rejects now", office, "zone office from=10.1.0.0/16 action=reject", out1, "zone office: its action is reject now"},
		{"zone accepts now", office, "zone office from=10.1.0.0/16 action=accept", out1, "zone office: its action is accept now"},
		{"zone masquerades now", office, "zone office from=10.1.0.0/16 action=masquerade", out1, "zone office: its action is masquerade now"},
		{"zone excludes the destination now", office, "zone office from=10.1.0.0/16 exclude=9.9.9.9 laddrs=198.51.100.1", out1, ""},
		{"zone gets conditions that hold", office, "zone office from=10.1.0.0/16 ports=tcp/443 to=9.0.0.0/8 laddrs=198.51.100.1", out1, ""},
		{"zone gets a port that does not hold", office, "zone office from=10.1.0.0/16 ports=tcp/25 laddrs=198.51.100.1", out1, "zone office: no longer matches what comes from 10.1.5.9"},
		{"zone gets a destination that does not hold", office, "zone office from=10.1.0.0/16 to=8.0.0.0/8 laddrs=198.51.100.1", out1, "zone office: no longer matches what comes from 10.1.5.9"},
		{"a zone with conditions comes before", office, "zone https from=10.1.0.0/16 ports=tcp/443 laddrs=198.51.100.9\n" + office, out1, "zone office: zone https decides about source 10.1.5.9 now"},
		{"a zone with conditions comes before, not for this flow", office, "zone mail from=10.1.0.0/16 ports=tcp/25 laddrs=198.51.100.9\n" + office, out1, ""},
		{"a zone with conditions drops", office, "zone https from=10.1.0.0/16 ports=tcp/443 action=drop\n" + office, out1, ""},
		{"a zone in front drops", office, quarantine + others, out1, ""},
		{"a zone in front drops, applied again", quarantine + others, quarantine + others, out1, ""},
		{"a zone in front drops, and the laddr goes", office, quarantine + "zone office from=10.1.0.0-10.1.4.255 laddrs=198.51.100.2", out1, "zone office: zone quarantine decides about source 10.1.5.9 now"},
		{"a zone in front drops, and the laddr goes later", quarantine + others, quarantine + "zone office from=10.1.0.0-10.1.4.255 laddrs=198.51.100.2", out1, "zone quarantine: drops what comes from 10.1.5.9"},
		{"a zone in front drops, its zone goes, another has the laddr", office, quarantine + "zone guests from=10.2.0.0/16 laddrs=198.51.100.1", out1, "zone office: zone quarantine decides about source 10.1.5.9 now"},
		{"a zone in front drops, its zone goes later", quarantine + others, quarantine, out1, "zone quarantine: drops what comes from 10.1.5.9"},
		{"a zone with interfaces comes before", office, "zone wan2 from=10.1.0.0/16 iif laddrs=198.51.100.9\n" + office, out1, ""},
		{"only a zone with interfaces could have", office, "zone wan2 from=10.1.0.0/16 iif laddrs=198.51.100.1\nzone office from=10.1.0.0/16 laddrs=198.51.100.9", out1, ""},
		{"an oif of its own decides behind another", office, "zone https from=10.1.0.0/16 ports=tcp/443 laddrs=198.51.100.9\nzone wan2 from=10.1.0.0/16 iif laddrs=198.51.100.1", out1, ""},
		{"no zone with interfaces could have", office, "zone wan2 from=10.1.0.0/16 iif laddrs=198.51.100.9\nzone office from=10.1.0.0/16 laddrs=198.51.100.8", out1, "zone office: laddr 198.51.100.1 is no longer one of its laddrs"},
		{"first apply, a laddr that another translated to so far", gone, "zone guests from=10.2.0.0/16 laddrs=198.51.100.1", out1, ""},
		{"a new laddr that another translated to so far", web, "zone guests from=10.2.0.0/16 laddrs=198.51.100.1", out1, ""},
		{"missed by a cleanup before, a laddr of another zone's", "zone guests from=10.2.0.0/16 laddrs=198.51.100.1", "zone guests from=10.2.0.0/16 laddrs=198.51.100.1", out1, "zone guests: has laddr 198.51.100.1, but does not hold source 10.1.5.9"},
		{"missed by a cleanup before, another zone decides", office + "zone guests from=10.2.0.0/16 laddrs=198.51.100.9", office + "zone guests from=10.2.0.0/16 laddrs=198.51.100.9", "udp 10.2.5.9:9 > 9.9.9.9:53 as 198.51.100.1:9 > 9.9.9.9:53", "zone guests: does not have laddr 198.51.100.1"},
		{"missed by a cleanup before, a laddr that nobody has any more", web, web, out1, ""},
		{"a service's laddr for a zone's source", full, full, "udp 10.2.5.9:9 > 9.9.9.9:53 as 192.168.2.250:9 > 9.9.9.9:53", "service web: has laddr 192.168.2.250, but does not hold source 10.2.5.9"},
		{"another's SNAT", office, "zone office from=10.1.0.0/16 laddrs=198.51.100.2", "tcp 10.1.5.9:9 > 9.9.9.9:443 as 198.51.100.200:9 > 9.9.9.9:443", ""},
		{"another's masquerading", home, office, "tcp 172.17.0.2:9 > 9.9.9.9:443 as 192.0.2.1:9 > 9.9.9.9:443", ""},
		{"another's masquerading by an address that is a laddr too", gone, "zone office from=10.1.0.0/16 laddrs=192.0.2.1", "tcp 172.17.0.2:9 > 9.9.9.9:443 as 192.0.2.1:9 > 9.9.9.9:443", ""},
		{"the gateway's own connection", gone, "zone office from=10.2.0.0/16 laddrs=198.51.100.1", "tcp 10.1.0.1:9 > 9.9.9.9:443 as 198.51.100.1:9 > 9.9.9.9:443", ""},
		{"masquerade stays", home, home, masq, ""},
		{"masquerade becomes a pool", home, office, masq, "zone home: zone office decides about source 10.1.5.9 now"},
		{"masquerade becomes a pool with that address", home, "zone home from=10.1.0.0/16 laddrs=192.0.2.1", masq, ""},
		{"a pool's laddr of this host becomes masquerade", "zone home from=10.1.0.0/16 laddrs=192.0.2.1", home, masq, ""},
		{"untranslated, zone drops now", office, "zone office from=10.1.0.0/16 action=drop", "tcp 10.1.5.9:9 > 9.9.9.9:443", ""},
		{"icmp", office, "zone office from=10.1.0.0/16 laddrs=198.51.100.2", "icmp 10.1.5.9 > 9.9.9.9 as 198.51.100.1 > 9.9.9.9", "zone office: laddr 198.51.100.1 is no longer one of its laddrs"},
		{"icmp, zone for ports", office, "zone office from=10.1.0.0/16 ports=icmp laddrs=198.51.100.1", "icmp 10.1.5.9 > 9.9.9.9 as 198.51.100.1 > 9.9.9.9", ""},

		{"map stays", lab, lab, labOut, ""},
		{"map stays, from outside", lab, lab, labIn, ""},
		{"map changed", lab, "zone lab from=10.9.8.0/24 map=198.18.9.0/24", labOut, "zone lab: laddr 198.18.8.5 is no longer one of its laddrs"},
		{"map changed, from outside", lab, "zone lab from=10.9.8.0/24 map=198.18.9.0/24", labIn, "zone lab: no longer maps 198.18.8.5:22"},
		{"map turned, from outside", lab, "zone lab from=10.9.9.0/24 map=198.18.8.0/24", labIn, "zone lab: no longer maps 198.18.8.5:22 to 10.9.8.5"},
		{"map gone, from outside", lab, office, labIn, "zone lab: no longer maps 198.18.8.5:22"},
		{"map becomes a pool of the same addresses", lab, "zone lab from=10.9.8.0/24 laddrs=198.18.8.0/24", labOut, ""},
		{"map becomes a pool of the same addresses, from outside", lab, "zone lab from=10.9.8.0/24 laddrs=198.18.8.0/24", labIn, "zone lab: no longer maps 198.18.8.5:22"},
	} {
		t.Run(c.name, func(t *testing.T) {
			index := func(text string) *Index {
				if text == gone {
					return nil
				}
				return NewIndex(parseBindings(t, text), gateway)
			}
			r, stale := Contradicts(index(c.was), index(c.will), parseFlow(t, c.flow))
			got := ""
			if stale {
				got = r.String()
			}
			if got != c.want {
				t.Errorf("%s\n   got  %q\n   want %q", c.flow, got, c.want)
			}
		})
	}
}

// Flows in conntrack zones, even of one direction only, may be none of snatctl's. That they
// contradict its policy can be told all the same.
func TestStaleInConntrackZones(t *testing.T) {
	was := NewIndex(parseBindings(t, "service web at=203.0.113.10/tcp/80 servers=192.168.1.1"), gateway)
	for zones, want := range map[[2]uint16]bool{{0, 0}: false, {7, 7}: true, {8, 0}: true, {0, 9}: true} {
		f := parseFlow(t, "tcp 8.8.8.8:9 > 203.0.113.10:80 as 8.8.8.8:9 > 192.168.1.1:80")
		f.CTZone, f.ReplyCTZone = zones[0], zones[1]
		if f.Zoned() != want {
			t.Errorf("in zones %d the flow is zoned: %v, want %v", zones, f.Zoned(), want)
		}
		if why, contradicts := Contradicts(was, nil, f); !contradicts || why.String() != "service web: is no longer there" {
			t.Errorf("in zones %d the flow contradicts: %v (%s)", zones, contradicts, why)
		}
	}
}

// A reason names the real server that a flow loses, and only that.
func TestStaleNamesServer(t *testing.T) {
	const web = "service web at=203.0.113.10/tcp/80 servers="
	was := NewIndex(parseBindings(t, web+"192.168.1.1:8080"), gateway)
	f := parseFlow(t, "tcp 8.8.8.8:9 > 203.0.113.10:80 as 8.8.8.8:9 > 192.168.1.1:8080")
	if why, _ := Contradicts(was, NewIndex(parseBindings(t, web+"192.168.1.2"), gateway), f); why.Server != f.Reply.Src {
		t.Errorf("the reason %q is about real server %s, want %s", why, why.Server, f.Reply.Src)
	}
	if why, stale := Contradicts(was, nil, f); !stale || why.Server.IsValid() {
		t.Errorf("the reason %q is about real server %s, want none", why, why.Server)
	}
}
