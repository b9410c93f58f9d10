package integration

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A call from inside: the addresses in the invitation are changed, and the voice flows both ways,
// also from a host that the caller has never called.
func TestHelpersSIP(t *testing.T) {
	s := startSite(t, helpersPolicy)
	const laddr = "198.51.100.1"
	phone, provider := listenUDP(t, s.Office, "10.1.5.9:5060"), listenUDP(t, s.Outside, "8.8.8.8:5060")
	voice, far := listenUDP(t, s.Office, "10.1.5.9:4000"), listenUDP(t, s.Outside, "8.8.8.8:5000")

	send(t, phone, "8.8.8.8:5060", sip("INVITE sip:bob@8.8.8.8 SIP/2.0", "10.1.5.9", "1 INVITE",
		"Contact: <sip:alice@10.1.5.9:5060>\r\n", sdp("10.1.5.9", 4000)))
	invite, from := receive(t, provider)
	if strings.Contains(invite, "10.1.5.9") {
		t.Errorf("the invitation still speaks of the phone's own address:\n%s", invite)
	}
	media := regexp.MustCompile(`(?s)c=IN IP4 (\S+).*m=audio (\d+) `).FindStringSubmatch(invite)
	if media == nil || media[1] != laddr {
		t.Fatalf("the voice is wanted at %q, not at the laddr:\n%s", media, invite)
	}
	send(t, provider, from, sip("SIP/2.0 200 OK", laddr, "1 INVITE", "Contact: <sip:bob@8.8.8.8:5060>\r\n", sdp("8.8.8.8", 5000)))
	if answer, _ := receive(t, phone); !strings.Contains(answer, "200 OK") {
		t.Errorf("the phone hears %q", answer)
	}
	send(t, far, laddr+":"+media[2], "can you hear me?")
	if heard, _ := receive(t, voice); heard != "can you hear me?" {
		t.Errorf("the phone hears %q", heard)
	}
	send(t, voice, "8.8.8.8:5000", "I can")
	if heard, by := receive(t, far); heard != "I can" || !strings.HasPrefix(by, laddr+":") {
		t.Errorf("the provider hears %q from %s", heard, by)
	}
	var related int
	for _, r := range decodeFlows(t, prints(t, s.Gateway, "flows", "--format", "json", "--zone", "office")) {
		if !strings.HasSuffix(*r.Dst, ":5060") {
			related++
		}
	}
	if related == 0 {
		t.Errorf("no voice belongs to the zone:\n%s", output(t, s.Gateway, "conntrack", "-L"))
	}
}

// sip writes a message (RFC 3261, 7).
func sip(first, via, seq, more, body string) string {
	return fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK776asdhds\r\nMax-Forwards: 70\r\nTo: Bob <sip:bob@8.8.8.8>\r\n"+
		"From: Alice <sip:alice@8.8.8.8>;tag=1928301774\r\nCall-ID: a84b4c76e66710\r\nCSeq: %s\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		first, via, seq, more, len(body), body)
}

// sdp asks for voice at an address and port (RFC 4566).
func sdp(addr string, port int) string {
	return fmt.Sprintf("v=0\r\no=alice 2890844526 2890844526 IN IP4 %s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", addr, port)
}

func listenUDP(t *testing.T, h *nstest.Host, at string) (c net.PacketConn) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		c, err = net.ListenPacket("udp", at)
		return err
	}))
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.PacketConn, to, text string) {
	t.Helper()
	var addr net.Addr = &net.IPAddr{IP: net.ParseIP(to)} // of a protocol without ports
	if ap, err := netip.ParseAddrPort(to); err == nil {
		addr = net.UDPAddrFromAddrPort(ap)
	}
	_, err := c.WriteTo([]byte(text), addr)
	must(t, err)
}

func receive(t *testing.T, c net.PacketConn) (text, from string) {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
	b := make([]byte, 4096)
	n, addr, err := c.ReadFrom(b)
	if err != nil {
		t.Fatalf("nothing comes to %s: %v", c.LocalAddr(), err)
	}
	return string(b[:n]), addr.String()
}
