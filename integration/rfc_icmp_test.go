package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// router is somewhere outside, on the way to everybody: ICMP errors come from it.
var router = netip.MustParseAddr("203.0.113.77")

// echo is an echo request with a number, or its reply.
func echo(from, to string, kind byte, id uint16) []byte {
	return nstest.CraftICMP(netip.MustParseAddr(from), netip.MustParseAddr(to), kind, 0, uint32(id)<<16|1, []byte("data"))
}

// icmpErrors are errors that concern connections, by type and code (RFC 792, RFC 1812).
func icmpErrors() (all [][2]byte) {
	for code := byte(0); code <= 15; code++ {
		all = append(all, [2]byte{3, code})
	}
	return append(all, [2]byte{4, 0}, [2]byte{11, 0}, [2]byte{11, 1}, [2]byte{12, 0})
}

// ICMP errors of any router come to the host that they concern, about what it sent, with type and code as
// they were. None ends or prolongs a mapping (RFC 4787 REQ-12, RFC 5382 REQ-9 and REQ-10, RFC 5508 REQ-4 and REQ-6).
func TestICMPKeepsMappings(t *testing.T) {
	b := startBetween(t, strings.Replace(onePool, "unmatched: drop", "unmatched: drop, timeouts: rfc", 1))
	udp, tcp := "10.1.0.1:5000 > 8.8.8.8:53", "10.1.0.1:5001 > 8.8.8.8:80"
	b.want(lan, datagram("10.1.0.1:5000", "8.8.8.8:53"), "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53")
	b.establish("10.1.0.1:5001", "8.8.8.8:80")
	b.want(lan, echo("10.1.0.1", "8.8.8.8", 8, 7), "wan0: icmp 8/0 198.51.100.1 > 8.8.8.8")
	for _, c := range []struct {
		about  string
		packet []byte // as the outside saw it
		still  func()
	}{
		{"udp " + udp, datagram("198.51.100.1:5000", "8.8.8.8:53"), func() {
			b.want(wan, datagram("8.8.8.8:53", "198.51.100.1:5000"), "lan0: udp 8.8.8.8:53 > 10.1.0.1:5000")
		}},
		{"tcp " + tcp, nstest.CraftSegment(at("198.51.100.1:5001"), at("8.8.8.8:80"), nstest.ACK, 1001, 2001, "data"), func() {
			b.want(wan, nstest.CraftSegment(at("8.8.8.8:80"), at("198.51.100.1:5001"), nstest.ACK, 2001, 1001, "data"), "lan0: tcp 8.8.8.8:80 > 10.1.0.1:5001")
		}},
		{"icmp 8/0 10.1.0.1 > 8.8.8.8", echo("198.51.100.1", "8.8.8.8", 8, 7), func() {
			b.want(wan, echo("8.8.8.8", "198.51.100.1", 0, 7), "lan0: icmp 0/0 8.8.8.8 > 10.1.0.1")
		}},
	} {
		proto, _, _ := strings.Cut(c.about, " ")
		for _, e := range icmpErrors() {
			fault := nstest.CraftICMP(router, netip.MustParseAddr("198.51.100.1"), e[0], e[1], 0, c.packet)
			h := b.want(wan, fault, fmt.Sprintf("lan0: icmp %d/%d 203.0.113.77 > 10.1.0.1", e[0], e[1]))
			if h.quoted() != c.about {
				t.Errorf("the error %v is about %s, want %s", e, h.quoted(), c.about)
			}
		}
		if b.prolongs(proto, "8.8.8.8", func() {
			b.pass(wan, nstest.CraftICMP(router, netip.MustParseAddr("198.51.100.1"), 3, 1, 0, c.packet))
		}) {
			t.Errorf("an error prolongs %s", c.about)
		}
		c.still()
	}
}

// establish opens a TCP connection through the gateway, which keeps its port.
func (b *between) establish(from, to string) {
	b.t.Helper()
	public := fmt.Sprintf("198.51.100.1:%d", at(from).Port())
	b.want(lan, syn(from, to), "wan0: tcp "+public+" > "+to)
	b.want(wan, nstest.CraftSegment(at(to), at(public), nstest.SYN|nstest.ACK, 2000, 1001, ""), "lan0: tcp "+to+" > "+from)
	b.want(lan, nstest.CraftSegment(at(from), at(to), nstest.ACK, 1001, 2001, ""), "wan0: tcp "+public+" > "+to)
}

// The number of an ICMP query is kept toward all hosts until two sources have the same one toward one of
// them (RFC 5508 REQ-1a).
func TestQueryNumbers(t *testing.T) {
	b := startBetween(t, onePool)
	for _, to := range []string{"8.8.8.8", "9.9.9.9"} {
		if h := b.want(lan, echo("10.1.0.1", to, 8, 7), "wan0: icmp 8/0 198.51.100.1 > "+to); h.From.Port() != 7 {
			t.Errorf("number 7 leaves as %d", h.From.Port())
		}
	}
	if h := b.want(lan, echo("10.1.0.2", "8.8.8.8", 8, 7), "wan0: icmp 8/0 198.51.100.1 > 8.8.8.8"); h.From.Port() == 7 {
		t.Error("two sources have one number toward one host")
	}
}

// What an ICMP error looks like inside does not hold it up: options in the quoted header are passed over, the
// quoted transport checksum is not looked at, and extensions stay (RFC 5508 REQ-3b, c, d). An error whose own checksum is wrong
// goes nowhere (REQ-3).
func TestICMPErrorForms(t *testing.T) {
	b := startBetween(t, onePool)
	b.want(lan, datagram("10.1.0.1:5000", "8.8.8.8:53"), "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53")
	laddr := netip.MustParseAddr("198.51.100.1")
	sent := datagram("198.51.100.1:5000", "8.8.8.8:53")
	spoilt := append([]byte(nil), sent...)
	spoilt[26], spoilt[27] = 0x5e, 0xed
	extended := append(append(append([]byte(nil), sent...), make([]byte, 128-len(sent))...), 0x20, 0, 0xdf, 0xff, 0, 8, 1, 1, 0, 1, 0x02, 0x01) // RFC 4884, RFC 4950
	for what, quote := range map[string][]byte{
		"whole": sent, "eight bytes of it": sent[:28], "options": nstest.WithOptions(sent, 1, 1, 1, 0), "a wrong transport checksum": spoilt, "extensions": extended,
	} {
		h := b.want(wan, nstest.CraftICMP(router, laddr, 11, 0, 0, quote), "lan0: icmp 11/0 203.0.113.77 > 10.1.0.1")
		if h.quoted() != "udp 10.1.0.1:5000 > 8.8.8.8:53" {
			t.Errorf("%s: it is about %s", what, h.quoted())
		}
		if what == "extensions" && string(h.Data[128:]) != string(extended[128:]) {
			t.Errorf("the extensions have changed: %x", h.Data[128:])
		}
	}
	bad := nstest.CraftICMP(router, laddr, 11, 0, 0, sent)
	bad[22]++
	b.nothing(wan, bad)
	header := append([]byte(nil), sent...)
	header[10]++
	b.want(wan, nstest.CraftICMP(router, laddr, 11, 0, 0, header), "lan0: icmp 11/0 203.0.113.77 > 10.1.0.1") // the quoted IP checksum is not looked at
}

// Errors about what no mapping is for go nowhere; those from inside get the address of the mapping that they
// are about, whoever sends them (RFC 5508 REQ-4, REQ-5).
func TestICMPErrorsFromBothSides(t *testing.T) {
	b := startBetween(t, onePool)
	laddr, host := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("10.1.0.1")
	b.nothing(wan, nstest.CraftICMP(router, laddr, 3, 1, 0, datagram("198.51.100.1:5000", "8.8.8.8:53")))
	b.nothing(lan, nstest.CraftICMP(host, netip.MustParseAddr("8.8.8.8"), 3, 3, 0, datagram("8.8.8.8:53", "10.1.0.1:5000")))
	b.want(lan, datagram("10.1.0.1:5000", "8.8.8.8:53"), "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53")
	b.want(wan, datagram("8.8.8.8:53", "198.51.100.1:5000"), "lan0: udp 8.8.8.8:53 > 10.1.0.1:5000")
	for _, from := range []string{"10.1.0.1", "10.7.7.7"} { // the host itself, and a router in front of it
		h := b.want(lan, nstest.CraftICMP(netip.MustParseAddr(from), netip.MustParseAddr("8.8.8.8"), 3, 3, 0, datagram("8.8.8.8:53", "10.1.0.1:5000")), "wan0: icmp 3/3 198.51.100.1 > 8.8.8.8")
		if h.quoted() != "udp 8.8.8.8:53 > 198.51.100.1:5000" {
			t.Errorf("from %s: it is about %s", from, h.quoted())
		}
	}
}

// Neighbours of a map reach each other by their outer addresses, but are seen by their inner ones: it works
// where the answer comes back through the gateway (RFC 4787 REQ-9a, RFC 5508 REQ-7).
func TestMapHairpin(t *testing.T) {
	b := startBetween(t, oneMap)
	for proto, packet := range first {
		b.want(lan, packet("10.1.0.3:5000", "198.51.100.132:53"), "lan0: "+proto+" 10.1.0.3:5000 > 10.1.0.4:53")
	}
	b.want(lan, datagram("10.1.0.4:53", "10.1.0.3:5000"), "lan0: udp 198.51.100.132:53 > 10.1.0.3:5000")
	b.want(lan, echo("10.1.0.3", "198.51.100.132", 8, 7), "lan0: icmp 8/0 10.1.0.3 > 10.1.0.4")
	b.want(lan, echo("10.1.0.4", "10.1.0.3", 0, 7), "lan0: icmp 0/0 198.51.100.132 > 10.1.0.3")
	h := b.want(lan, nstest.CraftICMP(netip.MustParseAddr("10.1.0.4"), netip.MustParseAddr("10.1.0.3"), 3, 3, 0, datagram("10.1.0.3:5000", "10.1.0.4:53")), "lan0: icmp 3/3 198.51.100.132 > 10.1.0.3")
	if h.quoted() != "udp 10.1.0.3:5000 > 198.51.100.132:53" {
		t.Errorf("the error is about %s", h.quoted())
	}
}

// Who sends an error about a neighbour's connection is seen by the neighbour's outer address (RFC 5508 REQ-5c).
func TestMapErrors(t *testing.T) {
	b := startBetween(t, oneMap)
	b.want(lan, datagram("10.1.0.3:5000", "8.8.8.8:53"), "wan0: udp 198.51.100.131:5000 > 8.8.8.8:53")
	b.want(wan, datagram("8.8.8.8:53", "198.51.100.131:5000"), "lan0: udp 8.8.8.8:53 > 10.1.0.3:5000")
	b.want(lan, nstest.CraftICMP(netip.MustParseAddr("10.1.0.5"), netip.MustParseAddr("8.8.8.8"), 3, 1, 0, datagram("8.8.8.8:53", "10.1.0.3:5000")), "wan0: icmp 3/1 198.51.100.131 > 8.8.8.8")
}

// Queries of other kinds come through, redirects about translated connections and what is neither query nor error
// do not (RFC 5508 REQ-10b, REQ-11).
func TestOtherICMP(t *testing.T) {
	b := startBetween(t, onePool)
	host, server, laddr := netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("198.51.100.1")
	for kind, length := range map[byte]int{13: 12, 17: 4} { // timestamps, address masks
		b.want(lan, nstest.CraftICMP(host, server, kind, 0, 7<<16, make([]byte, length)), fmt.Sprintf("wan0: icmp %d/0 198.51.100.1 > 8.8.8.8", kind))
		b.want(wan, nstest.CraftICMP(server, laddr, kind+1, 0, 7<<16, make([]byte, length)), fmt.Sprintf("lan0: icmp %d/0 8.8.8.8 > 10.1.0.1", kind+1))
	}
	b.want(lan, datagram("10.1.0.1:5000", "8.8.8.8:53"), "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53")
	b.nothing(wan, nstest.CraftICMP(router, laddr, 5, 1, 0x08080808, datagram("198.51.100.1:5000", "8.8.8.8:53")))
	b.nothing(wan, nstest.CraftICMP(router, laddr, 9, 0, 0x01020708, make([]byte, 8))) // a router advertisement
}

// The gateway's own ICMP (RFC 5508 REQ-10a, d, e, f).
func TestOwnICMP(t *testing.T) {
	b := startBetween(t, onePool)
	dying := func(packet []byte) []byte {
		return nstest.Rehead(packet, func(head []byte) { head[8] = 1 })
	}
	h := b.want(lan, dying(datagram("10.1.0.1:5000", "8.8.8.8:53")), "lan0: icmp 11/0 192.0.2.2 > 10.1.0.1")
	if h.quoted() != "udp 10.1.0.1:5000 > 8.8.8.8:53" || h.raw[1]>>5 != 6 {
		t.Errorf("it is about %s, with TOS %#x", h.quoted(), h.raw[1])
	}
	b.want(lan, datagram("10.1.0.1:5000", "192.0.2.2:9"), "lan0: icmp 3/3 192.0.2.2 > 10.1.0.1")
	b.want(lan, echo("10.1.0.1", "192.0.2.2", 8, 7), "lan0: icmp 0/0 192.0.2.2 > 10.1.0.1")
	output(t, b.Gateway, "ip", "route", "add", "unreachable", "7.7.7.0/24")
	b.want(lan, datagram("10.1.0.1:5000", "7.7.7.7:53"), "lan0: icmp 3/1 192.0.2.2 > 10.1.0.1")
	b.nothing(lan, dying(nstest.CraftICMP(netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("8.8.8.8"), 3, 3, 0, datagram("8.8.8.8:53", "10.1.0.1:5000"))))
	must(t, b.Gateway.Sysctl("net/ipv4/icmp_ratemask", "6168"))
	must(t, b.Gateway.Sysctl("net/ipv4/icmp_ratelimit", "1000"))
	for port := range 100 {
		b.send(lan, dying(datagram(fmt.Sprintf("10.1.0.9:%d", 6000+port), "8.8.8.8:53")))
	}
	n := 0
	for _, ok := b.next(nstest.Silence); ok && n < 100; _, ok = b.next(nstest.Silence) {
		n++
	}
	if n == 0 || n > 50 {
		t.Errorf("of 100 packets %d are answered", n)
	}
}
