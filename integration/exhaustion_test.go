package integration

import (
	"fmt"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// Two clients that use the same port share one laddr: the second gets another port.
func TestPortsCollide(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: everyone, from: [0.0.0.0/0, "::/0"], laddrs: [198.51.100.1, "2001:db8:99::1"]}
services:
  - {name: full, vip: [203.0.113.1, "2001:db8::1"], ports: [tcp/80, udp/80], mode: fullnat, laddrs: [192.168.2.9, "fd06::9"], real_servers: [192.168.1.1, "fd05::1"]}
`)
	for i, c := range []struct{ network, to, wildcard, want string }{
		{"tcp", "8.8.8.8:53", "0.0.0.0", "outside 198.51.100.1"},
		{"udp", "8.8.8.8:53", "0.0.0.0", "outside 198.51.100.1"},
		{"tcp", "203.0.113.1:80", "0.0.0.0", "rs1 192.168.2.9"},
		{"udp", "203.0.113.1:80", "0.0.0.0", "rs1 192.168.2.9"},
		{"tcp", "[2001:db8::1]:80", "[::]", "rs1 fd06::9"},
		{"udp", "[2001:db8:8::8]:53", "[::]", "outside 2001:db8:99::1"},
	} {
		seen := map[uint16]string{}
		for _, from := range []*nstest.Host{s.Office, s.Guests, s.Lab} {
			conn, err := from.Dial(c.network, fmt.Sprintf("%s:%d", c.wildcard, 5555+i), c.to)
			must(t, err)
			defer conn.Close()
			a, err := nstest.AskOn(conn)
			must(t, err)
			if got := fmt.Sprintf("%s %s", a.Host, a.Peer.Addr()); got != c.want {
				t.Errorf("%s to %s from %s: %s, want %s", c.network, c.to, from.Name, got, c.want)
			}
			if other, taken := seen[a.Peer.Port()]; taken {
				t.Errorf("%s to %s: %s and %s share port %d", c.network, c.to, other, from.Name, a.Peer.Port())
			}
			seen[a.Peer.Port()] = from.Name
		}
	}
}

// When a pool's ports to one destination are used up, further connections fail. They never
// leave untranslated, and other destinations are not concerned.
func TestPortsExhausted(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  few: {addresses: [198.51.100.1], ports: 40000-40003}
  apart: {addresses: [198.51.100.3, 198.51.100.5], ports: 40000-40003}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: few}
  - {name: guests, from: 10.2.0.0/16, laddrs: apart}
`)
	for _, c := range []struct {
		from  *nstest.Host
		laddr string
		most  int
	}{{s.Office, "198.51.100.1", 4}, {s.Guests, "", 4}} {
		seen := map[string]bool{}
		for range c.most {
			st, err := c.from.OpenStream("", "8.8.8.8:53")
			if err != nil {
				t.Errorf("%s: after %d streams: %v", c.from.Name, len(seen), err)
				continue
			}
			defer st.Close()
			if seen[st.Answer.Peer.String()] {
				t.Errorf("%s: two streams leave as %s", c.from.Name, st.Answer.Peer)
			}
			seen[st.Answer.Peer.String()] = true
			if got := st.Answer.Peer.Addr().String(); c.laddr != "" && got != c.laddr {
				t.Errorf("%s leaves as %s, want %s", c.from.Name, got, c.laddr)
			}
		}
		for range 3 {
			s.check(t, packet{c.from, "tcp 8.8.8.8:53", "silent"})
		}
		for peer := range seen {
			t.Logf("%s left as %s", c.from.Name, peer)
		}
	}
	s.check(t,
		packet{s.Office, "tcp 9.9.9.9:53", "outside sees 198.51.100.1"},
		packet{s.Office, "udp 8.8.8.8:53", "outside sees 198.51.100.1"},
	)
}
