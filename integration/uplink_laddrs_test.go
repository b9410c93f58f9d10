package integration

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

const laddrsByUplink = `
version: 1
gateway:
  uplinks:
    isp1: {interface: wan0, gateway: [192.0.2.1, "2001:db8:2::1"]}
    isp2: {interface: wan1, gateway: [198.18.1.1, "2001:db8:3::1"]}
laddrs:
  one: 192.0.2.8-192.0.2.9
  two: [198.18.1.8, 198.18.1.10]
zones:
  - {name: names, from: 10.1.0.0/16, ports: udp/53, uplink: isp2, laddrs: {isp1: 192.0.2.12, isp2: 198.18.1.12}}
  - {name: office, from: 10.1.0.0/16, uplink: [isp1, isp2], laddrs: {isp1: one, isp2: two}}
  - {name: guests, from: 10.2.0.0/16, uplink: isp2, laddrs: {isp1: one, isp2: two}}
  - {name: lab, from: 10.66.0.0/16, uplink: balance, laddrs: {isp1: one, isp2: two}}
services:
  - {name: web, vip: [192.0.2.14, 198.18.1.14], ports: tcp/80, real_servers: [192.168.1.1]}
  - {name: full, vip: [192.0.2.14, 198.18.1.14], ports: tcp/81, mode: fullnat, laddrs: 192.168.2.9, real_servers: "192.168.1.1:80"}
`

// leavesAs asks something outside for a client, and holds the address that it is seen with.
func leavesAs(t *testing.T, client *nstest.Host, network, to string, want ...string) {
	t.Helper()
	a, err := client.Ask(network, "", to)
	if err != nil {
		t.Errorf("%s to %s by %s: %v", client.Name, to, network, err)
		return
	}
	for _, w := range want {
		if a.Peer.Addr() == netip.MustParseAddr(w) {
			return
		}
	}
	t.Errorf("%s reaches %s by %s as %s, want one of %q", client.Name, to, network, a.Peer.Addr(), want)
}

// Connections leave by the uplink that their zone chooses, with an address of that uplink, and answers leave
// by the uplink that the caller came in by: of services of both modes and of the gateway itself. Each half is
// tried while all that the other router gets from here is lost.
func TestUplinkLaddrs(t *testing.T) {
	t.Parallel()
	w := nstest.New(t, nstest.Options{RealServers: 1})
	ctx := t.Context()
	r, err := w.AddRouters(ctx)
	must(t, err)
	for _, serve := range []error{w.RS[0].ServeTCP("0.0.0.0:80"), w.Gateway.ServeTCP("0.0.0.0:22"), w.Outside.ServeTCP("0.0.0.0:80"), w.Outside.ServeUDP("8.8.8.8:53")} {
		must(t, serve)
	}
	apply(t, w.Gateway, laddrsByUplink)
	wantDiff(t, w.Gateway, laddrsByUplink, 0)

	must(t, r.Mute(ctx, 1))
	leavesAs(t, w.Office, "tcp", "8.8.8.8:80", "192.0.2.8", "192.0.2.9")
	cameIn(t, w, "192.0.2.14", "192.0.2.2")
	must(t, r.Unmute(ctx, 1))

	must(t, r.Mute(ctx, 0)) // where all of the host's own routes lead
	leavesAs(t, w.Guests, "tcp", "8.8.8.8:80", "198.18.1.8", "198.18.1.10")
	leavesAs(t, w.Office, "udp", "8.8.8.8:53", "198.18.1.12")
	cameIn(t, w, "198.18.1.14", "198.18.1.2")
	must(t, r.Unmute(ctx, 0))

	// A source of a balance stays with one of them, and all bits of marks that are not ours are left alone.
	leavesAs(t, w.Lab, "tcp", "8.8.8.8:80", "192.0.2.8", "192.0.2.9", "198.18.1.8", "198.18.1.10")
	marked := output(t, w.Gateway, "conntrack", "-L", "-p", "tcp")
	if !strings.Contains(marked, "mark=") {
		t.Errorf("no flow is marked:\n%s", marked)
	}
	output(t, w.Gateway, "nft", "add table inet others; add chain inet others pre { type filter hook prerouting priority -160; }; add rule inet others pre ct mark set ct mark | 0x77; add rule inet others pre meta mark set 0x1234; "+
		"add chain inet others through { type filter hook forward priority 10; }; add rule inet others through meta mark & 0x00ffffff == 0x1234 meta mark & 0x7f000000 != 0 ct mark & 0x00ffffff == 0x77 counter")
	leavesAs(t, w.Guests, "tcp", "8.8.8.8:80", "198.18.1.8", "198.18.1.10")
	if out := output(t, w.Gateway, "nft", "list", "chain", "inet", "others", "through"); strings.Contains(out, "counter packets 0 ") {
		t.Errorf("others find their marks changed, or ours missing:\n%s", out)
	}

	// What leaves by an uplink without a laddr for it is dropped: nobody knows the way back.
	bare := strings.Replace(laddrsByUplink, "uplink: isp2, laddrs: {isp1: one, isp2: two}", "uplink: isp1, laddrs: {isp1: one}", 1)
	output(t, w.Gateway, "ip", "route", "add", "9.9.9.0/24", "via", "198.18.1.1") // more specific than the uplink's
	apply(t, w.Gateway, bare)
	leavesAs(t, w.Guests, "tcp", "8.8.8.8:80", "192.0.2.8", "192.0.2.9")
	if a, err := w.Guests.Ask("tcp", "", "9.9.9.9:80"); err == nil {
		t.Errorf("without a laddr it leaves as %s", a.Peer)
	}
}

// cameIn calls from outside: services of both modes at one address, and the gateway at another.
func cameIn(t *testing.T, w *nstest.World, vip, own string) {
	t.Helper()
	for _, to := range []string{vip + ":80", vip + ":81", own + ":22"} {
		until(t, "an answer of "+to, func() bool {
			_, err := w.Outside.Ask("tcp", "", to)
			return err == nil
		})
	}
}
