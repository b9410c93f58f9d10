package integration

import (
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// together has what a policy can say about a connection besides its addresses, in one.
const together = `
version: 1
gateway:
  addresses: routes
  uplinks:
    isp1: {interface: wan0, gateway: 192.0.2.1, weight: 3}
    isp2: {interface: wan1, gateway: 198.18.1.1}
  mss: 1400
  timeouts: {tcp_established: 2h, udp: 40s}
laddrs: {one: 192.0.2.8, two: 198.18.1.8, back: 192.168.2.250-192.168.2.253}
zones:
  - {name: sip, from: 10.1.0.0/16, ports: udp/5060, uplink: isp2, laddrs: {isp1: one, isp2: two}, helpers: [sip], timeouts: {udp: 200s}, limits: {connections: 50}}
  - {name: office, from: 10.1.0.0/16, uplink: [isp2, isp1], action: masquerade, limits: {connections: 100, action: reject}, timeouts: {tcp_established: 1h}, helpers: [ftp]}
  - {name: lab, from: 10.66.0.0/16, uplink: balance, laddrs: {isp1: one, isp2: two}, limits: {new_per_client: 50/second}, mss: 1200}
services:
  - {name: web, vip: 192.0.2.14, ports: [tcp/81, udp/81], mode: fullnat, laddrs: back, syn_proxy: true, client_address: toa, limits: {connections: 100, new_per_client: 50/second, action: reject}, timeouts: {tcp_established: 20m}, deny: 10.9.0.0/16, persistence: 60s, real_servers: [192.168.1.1, 192.168.1.2]}
  - {name: ftp, vip: 192.0.2.13, ports: tcp/21, syn_proxy: true, helpers: [ftp], limits: {connections: 10}, timeouts: {tcp_established: 5h}, real_servers: 192.168.1.1}
  - {name: marked, mark: 7, mode: fullnat, laddrs: back, persistence: 90s, limits: {connections: 10}, timeouts: {udp: 77s}, real_servers: [192.168.1.1]}
`

// All keys together do what each does alone, the table is what the policy says, and so it is when uplinks and
// services go and come back.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{RealServers: 2})
	_, err := w.AddRouters(t.Context())
	must(t, err)
	for _, rs := range w.RS {
		must(t, rs.ServeCallers("0.0.0.0:81"))
		must(t, rs.ServeTCP("0.0.0.0:82"))
	}
	must(t, w.Outside.ServeUDP("8.8.8.8:53"))
	must(t, w.Outside.ServeUDP("8.8.8.8:5060"))
	output(t, w.Gateway, "nft", "add table inet others; add chain inet others pre { type filter hook prerouting priority -300; }; add rule inet others pre ip daddr 192.0.2.12 tcp dport 82 meta mark set 7")
	smaller := strings.NewReplacer("    isp2: {interface: wan1, gateway: 198.18.1.1}\n", "", "uplink: isp2", "uplink: isp1", "[isp2, isp1]", "isp1", ", isp2: two}", "}", "syn_proxy: true, helpers", "helpers").Replace(together)
	for _, c := range []struct{ policy, office, phone string }{
		{together, "198.18.1.2", "198.18.1.8"},
		{smaller, "192.0.2.2", "192.0.2.8"},
		{together, "198.18.1.2", "198.18.1.8"},
	} {
		apply(t, w.Gateway, c.policy)
		wantDiff(t, w.Gateway, c.policy, 0)
		if client, server := told(t, w.Outside, "192.0.2.14:81"); client != server {
			t.Errorf("the real server takes %s for the client %s", server, client)
		}
		leavesAs(t, w.Outside, "tcp", "192.0.2.12:82", "192.168.2.250", "192.168.2.251", "192.168.2.252", "192.168.2.253")
		leavesAs(t, w.Office, "udp", "8.8.8.8:53", c.office)
		leavesAs(t, w.Office, "udp", "8.8.8.8:5060", c.phone)
	}
	if r := ctl(t, w.Gateway, "status", "--check"); r.Code != 0 {
		t.Errorf("status --check exits %d and says\n%s", r.Code, r.Stdout)
	}
}
