package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// markingTable is a table of others that marks what comes in, as operators do it today: HTTP and HTTPS to a whole
// network 7, DNS 8, and a network of its own 9. It changes the marks again before packets leave, for traffic control.
const markingTable = `
table inet others {
	chain marking {
		type filter hook prerouting priority mangle
		ip daddr 198.51.100.0/24 tcp dport { 80, 443, 8080 } meta mark set 0x01000007
		ip6 daddr 2001:db8:51::/64 tcp dport { 80, 443, 8080 } meta mark set 7
		meta l4proto udp th dport 5353 meta mark set 8
		meta l4proto icmp ip daddr 198.51.100.0/24 meta mark set 7
		ip daddr 203.0.113.10 tcp dport 8080 meta mark set 9
		ip daddr 198.51.101.0/24 meta mark set 10
	}
	chain own {
		type route hook output priority mangle
		ip daddr 198.51.100.0/24 tcp dport 80 meta mark set 7
	}
	chain shaping {
		type filter hook postrouting priority mangle
		meta mark set 0x30
	}
}`

const markPolicy = `
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: [10.1.0.0/16, "fd01::/64"], action: masquerade}
services:
  - {name: web, mark: 7, real_servers: [192.168.1.1, 192.168.1.2, "fd05::1"]}
  - name: dns
    mark: 8
    mode: fullnat
    laddrs: [192.168.2.250, "fd05:2::fa"]
    persistence: 60s
    deny: 10.1.5.77
    real_servers: ["192.168.1.1:53", "192.168.1.2:53", "[fd05::1]:53", "[fd05::2]:53"]
  - {name: over, mark: 9, real_servers: "192.168.1.3:8080"}
  - {name: none, mark: 10}
  - {name: shop, vip: 203.0.113.10, ports: tcp/8000-8099, mode: fullnat, laddrs: 192.168.2.251, real_servers: 192.168.1.1}
`

// Packets that others have marked go to the service with their mark, wherever they call, and their flows are its own.
func TestServicesByMark(t *testing.T) {
	s := startSite(t, "")
	nft(t, s.Gateway, markingTable)
	apply(t, s.Gateway, markPolicy)
	s.check(t,
		packet{s.Office, "tcp 198.51.100.7:80", "rs1 sees 10.1.5.9 | rs2 sees 10.1.5.9"},
		packet{s.Office, "tcp 198.51.100.99:8080", "rs1 sees 10.1.5.9 | rs2 sees 10.1.5.9"},
		packet{s.Office, "tcp [2001:db8:51::5]:80", "rs1 sees fd01::9"},
		packet{s.Office, "udp 9.9.9.9:5353", "rs1 sees 192.168.2.250 | rs2 sees 192.168.2.250"},
		packet{s.Office, "udp [2001:db8:99::9]:5353", "rs1 sees fd05:2::fa | rs2 sees fd05:2::fa"},
		packet{s.Office, "tcp 203.0.113.10:8080", "rs3 sees 10.1.5.9"},      // the mark comes before the VIP
		packet{s.Office, "tcp 203.0.113.10:8005", "rs1 sees 192.168.2.251"}, // which takes what nobody marked
		packet{s.Gateway, "tcp 198.51.100.7:80", "rs1 sees 192.0.2.2 | rs2 sees 192.0.2.2"},
		packet{s.Office, "tcp 198.51.101.1:80", "refused"},
		packet{s.Office, "tcp 8.8.8.8:80", "outside sees 192.0.2.2"}, // unmarked: its zone's
	)
	turns := map[string]int{}
	for range 6 {
		turns[s.send(t, nstest.Patience, s.Office, "tcp 198.51.100.20:443")]++
	}
	if turns["rs1 sees 10.1.5.9"] != 3 || turns["rs2 sees 10.1.5.9"] != 3 {
		t.Errorf("six calls went to %v, want strict turns", turns)
	}
	first := s.send(t, nstest.Patience, s.Office, "udp 9.9.9.9:5353")
	for _, to := range []string{"udp 9.9.9.9:5353", "udp 8.8.4.4:5353", "udp 1.1.1.1:5353"} {
		if got := s.send(t, nstest.Patience, s.Office, to); got != first {
			t.Errorf("%s: the client went to %q, and before to %q", to, got, first)
		}
	}
}

// Flows of services by mark are theirs in reports, and end with what made them.
func TestServicesByMarkFlows(t *testing.T) {
	s := startSite(t, "")
	nft(t, s.Gateway, markingTable)
	apply(t, s.Gateway, markPolicy)
	_, web, err := ask(s.Office, "tcp 10.1.5.9:7001 > 198.51.100.7:80")
	must(t, err)
	_, dns, err := ask(s.Office, "udp 10.1.5.9:7002 > 9.9.9.9:5353")
	must(t, err)
	if f := s.flow(t, web); f == nil || !strings.Contains(f.Raw, "mark=7") {
		t.Errorf("the flow of web is %+v", f)
	}
	out := prints(t, s.Gateway, "flows", "--format", "json", "--service", "web")
	if rows := decodeFlows(t, out); len(rows) != 1 || !strings.Contains(rows[0].String(), "service web, zone -, real server 192.168.1.") {
		t.Errorf("flows of web are\n%s", out)
	}
	if out := prints(t, s.Gateway, "flows", "--past"); strings.Contains(out, "198.51.100.7") || strings.Contains(out, "9.9.9.9") {
		t.Errorf("flows --past lists\n%s", out)
	}
	status := prints(t, s.Gateway, "status")
	for _, want := range []string{"service web: nat, rr at mark 7; 1 flow, 1 new connection", "service dns: fullnat, rr at mark 8; 1 flow, 1 new connection"} {
		if !strings.Contains(status, want) {
			t.Errorf("status says\n%s\nwant %q", status, want)
		}
	}
	wantDiff(t, s.Gateway, markPolicy, 0)
	other := strings.Replace(markPolicy, "mark: 7,", "mark: 11,", 1)
	r := wantDiff(t, s.Gateway, other, 1)
	for _, want := range []string{"~ service web: + mark 11; - mark 7", "no longer takes mark 7"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("diff says\n%s\nwant %q", r.Stdout, want)
		}
	}
	apply(t, s.Gateway, other)
	if s.flow(t, web) != nil || s.flow(t, dns) == nil {
		t.Error("another mark of web must end its flow, and no other")
	}
	apply(t, s.Gateway, strings.ReplaceAll(other, `"192.168.1.1:53", "192.168.1.2:53", `, ""))
	if s.flow(t, dns) != nil {
		t.Error("the flow of dns goes on without its real server")
	}
}
