package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

const onePool = `
version: 1
gateway: {uplinks: wan0, unmatched: drop}
zones:
  - {name: everyone, from: 10.1.0.0/16, laddrs: 198.51.100.1}
`

const oneMap = `
version: 1
gateway: {uplinks: wan0, unmatched: drop}
zones:
  - {name: lab, from: 10.1.0.0/28, map: 198.51.100.128/28}
`

// A source keeps its port, and has the same one to all destinations, until another source holds it to one
// of them: there it gets another. So mappings are endpoint-independent and ports are not shared as long as nobody collides
// (RFC 4787 REQ-1, REQ-3, REQ-11, RFC 5382 REQ-1, REQ-7).
func TestMappingsUntilTheyCollide(t *testing.T) {
	b := startBetween(t, onePool)
	for proto, packet := range first {
		for _, to := range []string{"8.8.8.8:53", "8.8.8.8:54", "9.9.9.9:53"} {
			b.want(lan, packet("10.1.0.1:5000", to), "wan0: "+proto+" 198.51.100.1:5000 > "+to)
		}
		b.want(lan, packet("10.1.0.2:5000", "7.7.7.7:53"), "wan0: "+proto+" 198.51.100.1:5000 > 7.7.7.7:53") // both are 198.51.100.1:5000 now
		h := b.pass(lan, packet("10.1.0.1:5000", "7.7.7.7:53"))
		if h.From.Addr() != netip.MustParseAddr("198.51.100.1") || h.From.Port() == 5000 {
			t.Errorf("%s leaves although 10.1.0.2 has that port to this destination", h)
		}
		// Neither reaches the other by it.
		b.nothing(wan, packet("7.7.7.8:53", "198.51.100.1:5000"))
	}
}

// A map is one to one: every mapping is endpoint-independent, everybody reaches it, ports stay, and none
// is shared (RFC 4787 REQ-1, REQ-3, REQ-4, REQ-8, REQ-11).
func TestMapsAreEndpointIndependent(t *testing.T) {
	b := startBetween(t, oneMap)
	for proto, packet := range first {
		for _, port := range []int{5000, 5001, 700} {
			from := fmt.Sprintf("10.1.0.3:%d", port)
			public := fmt.Sprintf("198.51.100.131:%d", port)
			for _, to := range []string{"8.8.8.8:53", "8.8.8.8:54", "9.9.9.9:53"} {
				b.want(lan, packet(from, to), "wan0: "+proto+" "+public+" > "+to)
			}
			b.want(wan, packet("7.7.7.7:77", public), "lan0: "+proto+" 7.7.7.7:77 > "+from)
			b.want(lan, packet(fmt.Sprintf("10.1.0.4:%d", port), "8.8.8.8:53"), "wan0: "+proto+fmt.Sprintf(" 198.51.100.132:%d > 8.8.8.8:53", port))
		}
	}
	for i := 3; i <= 4; i++ { // the numbers of queries stay likewise
		h := b.want(lan, echo(fmt.Sprintf("10.1.0.%d", i), "8.8.8.8", 8, 7), fmt.Sprintf("wan0: icmp 8/0 198.51.100.%d > 8.8.8.8", 128+i))
		if h.From.Port() != 7 {
			t.Errorf("number 7 leaves as %d", h.From.Port())
		}
	}
}

// A port that must change stays a well-known one, or none (RFC 4787 REQ-3a).
func TestPortsKeepTheirClass(t *testing.T) {
	b := startBetween(t, onePool+"  - {name: random, from: 10.2.0.0/16, laddrs: random}\nladdrs: {random: {addresses: 198.51.100.2, random: true}}\n")
	for n, port := range []uint16{400, 700, 1023, 1024, 5000} {
		to := fmt.Sprintf("8.8.8.8:%d", 53+n) // where nobody has a port yet
		for i := 1; i <= 5; i++ {
			for zone := 1; zone <= 2; zone++ {
				h := b.pass(lan, datagram(fmt.Sprintf("10.%d.0.%d:%d", zone, i, port), to))
				if got := h.From.Port(); (got < 1024) != (port < 1024) || zone == 1 && (i == 1) != (got == port) {
					t.Errorf("port %d of source %d leaves as %d", port, i, got)
				}
			}
		}
	}
}

// Packets of both directions prolong a mapping (RFC 4787 REQ-6).
func TestRefresh(t *testing.T) {
	b := startBetween(t, strings.Replace(onePool, "unmatched: drop", "unmatched: drop, timeouts: rfc", 1))
	out, in := datagram("10.1.0.1:5000", "8.8.8.8:53"), datagram("8.8.8.8:53", "198.51.100.1:5000")
	b.want(lan, out, "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53")
	b.want(wan, in, "lan0: udp 8.8.8.8:53 > 10.1.0.1:5000")
	for name, send := range map[string]func(){
		"outbound": func() { b.pass(lan, out) }, "inbound": func() { b.pass(wan, in) },
	} {
		if !b.prolongs("udp", "8.8.8.8:53", send) {
			t.Errorf("an %s packet does not prolong the mapping", name)
		}
	}
}

// Who was not called gets nothing through, whatever address or port differs (RFC 4787 REQ-8, RFC 5382 REQ-3).
func TestFiltering(t *testing.T) {
	b := startBetween(t, onePool)
	for proto, packet := range first {
		b.want(lan, packet("10.1.0.1:5000", "8.8.8.8:53"), "wan0: "+proto+" 198.51.100.1:5000 > 8.8.8.8:53")
		for _, from := range []string{"8.8.8.8:54", "9.9.9.9:53"} {
			b.nothing(wan, packet(from, "198.51.100.1:5000"))
		}
	}
}

// Neighbours inside do not reach each other by the addresses that the outside sees: no mapping is known
// to those whom it does not call (RFC 4787 REQ-9, RFC 5382 REQ-8, RFC 5508 REQ-7).
func TestNoHairpin(t *testing.T) {
	b := startBetween(t, onePool)
	for proto, packet := range first {
		b.want(lan, packet("10.1.0.1:5000", "8.8.8.8:53"), "wan0: "+proto+" 198.51.100.1:5000 > 8.8.8.8:53")
		b.send(lan, packet("10.1.0.2:6000", "198.51.100.1:5000"))
		if h, ok := b.next(nstest.Silence); ok && h.via == lan {
			t.Errorf("%s reaches a neighbour: docs/rfc.md says that it cannot", h)
		}
	}
}

// Fragments of a datagram arrive in any order, and are translated in both directions (RFC 4787 REQ-14).
func TestFragmentsInAnyOrder(t *testing.T) {
	b := startBetween(t, onePool)
	data := strings.Repeat("0123456789abcdef", 200)
	for i, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		for _, way := range []struct{ via, from, to, want string }{
			{lan, "10.1.0.1:5000", "8.8.8.8:53", "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53"},
			{wan, "8.8.8.8:53", "198.51.100.1:5000", "lan0: udp 8.8.8.8:53 > 10.1.0.1:5000"},
		} {
			pieces := nstest.Fragment(nstest.CraftDatagram(at(way.from), at(way.to), data), 1200, uint16(100+i))
			for _, n := range order {
				b.send(way.via, pieces[n])
			}
			var got []byte
			for len(got) < len(data)+8 {
				h, ok := b.next(20 * time.Second)
				if !ok {
					t.Fatalf("fragments in the order %v: %d bytes of %d came", order, len(got), len(data)+8)
				}
				if h.Offset == 0 && h.String() != way.want {
					t.Errorf("fragments in the order %v: %s leaves, want %s", order, h, way.want)
				}
				if h.Offset == 0 {
					got = append(got, h.raw[20:28]...)
				}
				if h.Offset != 0 && h.Offset != len(got) {
					t.Errorf("fragments in the order %v: %d bytes came, then the fragment at %d", order, len(got), h.Offset)
				}
				got = append(got, h.Data...)
			}
			if string(got[8:]) != data {
				t.Errorf("fragments in the order %v: the datagram has changed", order)
			}
		}
	}
}

// What is too large for the way and may not be cut is answered to the sender; all else is cut, in order
// (RFC 4787 REQ-13).
func TestTooLarge(t *testing.T) {
	b := startBetween(t, onePool)
	output(t, b.Gateway, "ip", "link", "set", wan, "mtu", "1280")
	large := nstest.CraftDatagram(at("10.1.0.1:5000"), at("8.8.8.8:53"), strings.Repeat("x", 1400))
	h := b.want(lan, nstest.DontFragment(large), "lan0: icmp 3/4 192.0.2.2 > 10.1.0.1")
	if h.quoted() != "udp 10.1.0.1:5000 > 8.8.8.8:53" {
		t.Errorf("it is about %s", h.quoted())
	}
	b.send(lan, large)
	for offset := 0; offset < len(large)-20; {
		h, ok := b.next(20 * time.Second)
		if !ok || h.via != wan || h.Offset != offset || h.From.Addr().String() != "198.51.100.1" {
			t.Fatalf("the datagram is not cut in order: at %d %v %s", offset, ok, h)
		}
		offset += len(h.raw) - 20
	}
}

// Datagrams that are never whole fill the memory for fragments. That holds up fragments of others, and
// nothing that is whole (RFC 4787 REQ-14a).
func TestFragmentFlood(t *testing.T) {
	b := startBetween(t, onePool)
	must(t, b.Gateway.Sysctl("net/ipv4/ipfrag_low_thresh", "100000"))
	must(t, b.Gateway.Sysctl("net/ipv4/ipfrag_high_thresh", "300000"))
	whole := nstest.CraftDatagram(at("10.1.0.1:5000"), at("8.8.8.8:53"), strings.Repeat("x", 2000))
	for id := range uint16(2000) {
		b.send(wan, nstest.Fragment(nstest.CraftDatagram(at("9.9.9.9:53"), at("198.51.100.1:5000"), strings.Repeat("x", 2000)), 1200, id)[0])
	}
	b.want(lan, datagram("10.1.0.1:5000", "8.8.8.8:53"), "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53")
	for _, piece := range nstest.Fragment(whole, 1200, 9) {
		b.send(lan, piece)
	}
	if h, ok := b.next(nstest.Silence); ok {
		t.Errorf("%s leaves although there is no memory for fragments: docs/rfc.md says that it waits", h)
	}
}

// Nothing reads what connections say unless helpers are asked for: addresses in data stay (RFC 4787 REQ-10,
// RFC 5382 REQ-6).
func TestDataStays(t *testing.T) {
	b := startBetween(t, onePool)
	invite := sip("INVITE sip:bob@8.8.8.8 SIP/2.0", "10.1.0.1", "1 INVITE", "Contact: <sip:alice@10.1.0.1:5060>\r\n", sdp("10.1.0.1", 4000))
	if h := b.want(lan, nstest.CraftDatagram(at("10.1.0.1:5060"), at("8.8.8.8:5060"), invite), "wan0: udp 198.51.100.1:5060 > 8.8.8.8:5060"); string(h.Data) != invite {
		t.Errorf("the call leaves as\n%s", h.Data)
	}
	const port = "PORT 10,1,0,1,20,1\r\n"
	b.establish("10.1.0.1:5001", "8.8.8.8:21")
	if h := b.want(lan, nstest.CraftSegment(at("10.1.0.1:5001"), at("8.8.8.8:21"), nstest.ACK, 1001, 2001, port), "wan0: tcp 198.51.100.1:5001 > 8.8.8.8:21"); string(h.Data) != port {
		t.Errorf("FTP's command leaves as %q", h.Data)
	}
}
