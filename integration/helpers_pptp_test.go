package integration

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A tunnel of PPTP from inside: the call's number is changed on its way, and GRE flows both ways.
func TestHelpersPPTP(t *testing.T) {
	s := startSite(t, helpersPolicy)
	const laddr, call, peerCall = "198.51.100.1", 0x0123, 0x4567
	l := listen(t, s.Outside, "8.8.8.8:1723")
	inside, outside := listenGRE(t, s.Office, "10.1.5.9"), listenGRE(t, s.Outside, "8.8.8.8")
	client, err := s.Office.Dial("tcp", "10.1.5.9", "8.8.8.8:1723")
	must(t, err)
	defer client.Close()
	server, err := l.Accept()
	must(t, err)
	defer server.Close()

	say := func(from, to net.Conn, kind, length int, fields func([]byte)) []byte {
		b := make([]byte, length)
		binary.BigEndian.PutUint16(b, uint16(length))
		binary.BigEndian.PutUint16(b[2:], 1) // a control message
		binary.BigEndian.PutUint32(b[4:], 0x1a2b3c4d)
		binary.BigEndian.PutUint16(b[8:], uint16(kind))
		fields(b[12:])
		_, err := from.Write(b)
		must(t, err)
		_, err = io.ReadFull(to, b)
		must(t, err)
		return b[12:]
	}
	say(client, server, 1, 156, func(b []byte) { b[0] = 1 })                                                    // start, version 1.0
	say(server, client, 2, 156, func(b []byte) { b[0], b[2] = 1, 1 })                                           // agreed
	asked := say(client, server, 7, 168, func(b []byte) { binary.BigEndian.PutUint16(b, call) })                // outgoing call
	seen := binary.BigEndian.Uint16(asked)                                                                      // as the server knows it
	say(server, client, 8, 32, func(b []byte) { binary.BigEndian.PutUint16(b, peerCall); put(b[2:], seen, 1) }) // connected

	send(t, inside, "8.8.8.8", gre(peerCall, "from inside"))
	if heard, by := receive(t, outside); !strings.HasSuffix(heard, "from inside") || !strings.HasPrefix(by, laddr) {
		t.Errorf("the server hears %q from %s", heard, by)
	}
	send(t, outside, laddr, gre(seen, "from outside"))
	heard, _ := receive(t, inside)
	if !strings.HasSuffix(heard, "from outside") || binary.BigEndian.Uint16([]byte(heard[6:])) != call {
		t.Errorf("the client hears %q, not for its call", heard)
	}
	if flows := output(t, s.Gateway, "conntrack", "-L", "-p", "gre"); !strings.Contains(flows, "10.1.5.9") {
		t.Errorf("no tunnel is tracked: %s", flows)
	}
}

// put writes the peer's call, and a result.
func put(b []byte, call uint16, result byte) {
	binary.BigEndian.PutUint16(b, call)
	b[2] = result
}

// gre writes a packet of a tunnel (RFC 2637, 4.1).
func gre(call uint16, payload string) string {
	b := []byte{0x30, 0x01, 0x88, 0x0b}
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = binary.BigEndian.AppendUint16(b, call)
	b = binary.BigEndian.AppendUint32(b, 1)
	return string(b) + payload
}

func listenGRE(t *testing.T, h *nstest.Host, own string) (c net.PacketConn) {
	t.Helper()
	must(t, h.Do(func() (err error) {
		c, err = net.ListenPacket("ip4:47", own)
		return err
	}))
	t.Cleanup(func() { c.Close() })
	return c
}
