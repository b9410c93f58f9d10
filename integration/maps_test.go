package integration

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
)

// A mapped zone is 1:1, and reachable from both sides: each source keeps the address at the
// same place of the other prefix, and who calls that address reaches the source.
func TestMap(t *testing.T) {
	s := startSite(t, "")
	for _, addr := range []string{"10.1.5.9:80", "[fd01::9]:80"} {
		must(t, s.Office.ServeTCP(addr))
		must(t, s.Office.ServeUDP(addr))
	}
	s.start(t, `
version: 1
gateway: {uplinks: [wan0, wan1], unmatched: reject}
zones:
  - {name: odd, from: 10.1.5.10, laddrs: 198.51.100.7}
  - {name: lab, from: 10.1.5.0/28, map: 198.51.100.128/28}
  - {name: six, from: "fd01::/112", map: "2001:db8:99::5:0/112"}
  - {name: some, from: 10.1.200.0/24, to: 8.0.0.0/8, map: 198.51.100.0/24}
`)
	s.check(t,
		packet{s.Office, "tcp 10.1.5.9 > 8.8.8.8:80", "outside sees 198.51.100.137"},
		packet{s.Office, "udp 10.1.5.9 > 9.9.9.9:53", "outside sees 198.51.100.137"},
		packet{s.Office, "tcp fd01::9 > [2001:db8:8::8]:80", "outside sees 2001:db8:99::5:9"},
		packet{s.Office, "tcp 10.1.200.77 > 8.8.8.8:80", "outside sees 198.51.100.77"},
		packet{s.Office, "tcp 10.1.200.77 > 9.9.9.9:80", "refused"},
		packet{s.Outside, "tcp 8.8.8.8 > 198.51.100.137:80", "office sees 8.8.8.8"},
		packet{s.Outside, "udp 8.8.8.8 > 198.51.100.137:80", "office sees 8.8.8.8"},
		packet{s.Outside, "tcp 2001:db8:8::8 > [2001:db8:99::5:9]:80", "office sees 2001:db8:8::8"},
		packet{s.Guests, "tcp 198.51.100.137:80", "office sees 10.2.5.9"},
	)
}

// Every source of a pool with blocks has ports of its own, on the laddr that explain names;
// lookup leads back from what the far end saw.
func TestBlocks(t *testing.T) {
	policy := `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  homes: {addresses: [198.51.100.64/31, 198.51.100.70], ports: 2000-2999, block: 100}
zones:
  - {name: homes, from: [10.1.200.16/28, 10.1.200.64/29], laddrs: homes}
`
	s := startSite(t, policy)
	for _, source := range []string{"10.1.200.16", "10.1.200.17", "10.1.200.25", "10.1.200.26", "10.1.200.31", "10.1.200.64", "10.1.200.71"} {
		var want struct{ SNAT []string }
		r := snatctl(t, s.Gateway, policy, "explain", "--from", source, "--to", "8.8.8.8:53", "--proto", "udp", "--format", "json")
		must(t, json.Unmarshal([]byte(r.Stdout), &want))
		laddr, ports, _ := strings.Cut(want.SNAT[0], ":")
		for range 3 {
			a := call(t, s.Office, "udp "+source+" > 8.8.8.8:53")
			if a.Peer.Addr().String() != laddr || !within(a.Peer.Port(), ports) {
				t.Errorf("%s left as %s, explain says %s", source, a.Peer, want.SNAT)
			}
			r := snatctl(t, s.Gateway, policy, "lookup", a.Peer.String())
			if got, _, _ := strings.Cut(r.Stdout, " "); got != source {
				t.Errorf("lookup %s says %q, it was %s", a.Peer, r.Stdout, source)
			}
		}
		must(t, s.Office.Ping(t.Context(), source, "8.8.8.8"))
	}
}

// within tells whether a port lies in "first-last".
func within(port uint16, span string) bool {
	first, last, _ := strings.Cut(span, "-")
	lo, err := netip.ParseAddrPort("0.0.0.0:" + first)
	hi, err2 := netip.ParseAddrPort("0.0.0.0:" + last)
	return err == nil && err2 == nil && lo.Port() <= port && port <= hi.Port()
}

// Zones decide about what another table redirects: no service sent it on.
func TestForeignRedirect(t *testing.T) {
	s := startSite(t, `
version: 1
gateway: {uplinks: [wan0, wan1], unmatched: reject}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: 198.51.100.1}
  - {name: guests, from: 10.2.0.0/16, action: drop}
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, mode: nat, real_servers: 192.168.1.1}
`)
	nft(t, s.Gateway, `table ip other { chain pre { type nat hook prerouting priority -110; ip daddr 8.8.8.8 udp dport 5353 dnat to 9.9.9.9:53; }; }`)
	s.check(t,
		packet{s.Office, "udp 8.8.8.8:5353", "outside sees 198.51.100.1"},
		packet{s.Guests, "udp 8.8.8.8:5353", "silent"},
		packet{s.Lab, "udp 8.8.8.8:5353", "refused"},
		packet{s.Guests, "tcp 203.0.113.10:80", "rs1 sees 10.2.5.9"},
	)
}
