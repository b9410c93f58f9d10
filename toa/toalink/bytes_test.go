package toalink

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/toa"
)

// insert puts options in front of those that a TCP packet has, and makes lengths and checksums right, all of
// them anew.
func insert(packet []byte, options ...byte) []byte {
	ip, six := 20, packet[0]>>4 == 6
	if six {
		ip = 40
	}
	p := slices.Insert(slices.Clone(packet), ip+20, options...)
	p[ip+12] += byte(len(options) / 4 << 4)
	return whole(p, ip)
}

// whole makes lengths and checksums of a TCP packet right.
func whole(p []byte, ip int) []byte {
	tcp := p[ip:]
	pseudo := binary.BigEndian.AppendUint32(nil, uint32(len(tcp)))
	pseudo = binary.BigEndian.AppendUint32(pseudo, 6)
	if ip == 40 {
		binary.BigEndian.PutUint16(p[4:], uint16(len(tcp)))
		pseudo = append(pseudo, p[8:40]...)
	} else {
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		pseudo = append(pseudo, p[12:20]...)
		binary.BigEndian.PutUint16(p[10:], 0)
		binary.BigEndian.PutUint16(p[10:], sum(p[:20]))
	}
	binary.BigEndian.PutUint16(tcp[16:], 0)
	binary.BigEndian.PutUint16(tcp[16:], sum(append(pseudo, tcp...)))
	return p
}

// sum is the checksum of the internet (RFC 1071).
func sum(b []byte) uint16 {
	s := uint32(0)
	for i, c := range b {
		s += uint32(c) << (8 * uint(1-i%2))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}

// hop is what a router does to a packet.
func hop(p []byte) []byte {
	p = slices.Clone(p)
	if p[0]>>4 == 6 {
		p[7]--
		return p
	}
	p[8]--
	return whole(p, 20)
}

// exchange is one connection of TestBytes.
type exchange struct {
	*nstest.Wires
	t                          testing.TB
	client, vip, laddr, server netip.AddrPort
	option                     []byte
}

// passes sends a packet and wants to see another one at an interface.
func (x *exchange) passes(what, in string, sent []byte, out string, want []byte) {
	x.t.Helper()
	must(x.t, x.Send(in, sent))
	name, got, err := x.Receive(20 * time.Second)
	for err == nil && len(got) > 40 && got[0]>>4 == 6 && got[6] != 6 { // the gateway says by itself which groups it hears
		name, got, err = x.Receive(20 * time.Second)
	}
	must(x.t, err)
	if name != out || !bytes.Equal(got, want) {
		x.t.Fatalf("%s: at %s came %d bytes\n%.120x, want at %s %d bytes\n%.120x", what, name, len(got), got, out, len(want), want)
	}
}

// forward sends a segment of the client, with options, and wants it at the real server with the option in
// front of them, or without.
func (x *exchange) forward(what string, flags byte, seq uint32, options []byte, data string, told bool) {
	x.t.Helper()
	x.turns(what, flags, seq, options, options, data, told)
}

// turns is forward with options that become others on the way.
func (x *exchange) turns(what string, flags byte, seq uint32, options, become []byte, data string, told bool) {
	x.t.Helper()
	want := hop(insert(nstest.CraftSegment(x.laddr, x.server, flags, seq, 7001, data), become...))
	if told {
		want = insert(want, x.option...)
	}
	x.passes(what, "wan0", insert(nstest.CraftSegment(x.client, x.vip, flags, seq, 7001, data), options...), "dc0", want)
}

var (
	usual = []byte{2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7} // of a SYN of Linux: 20 bytes
	large = append(slices.Clone(usual), 34, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
	stamp = []byte{1, 1, 8, 10, 1, 2, 3, 5, 0, 0, 0, 9}
	ended = []byte{2, 4, 5, 180, 1, 3, 3, 6, 4, 2, 0, 0} // padding behind the end of options, as BSD has it
)

// flowtable takes packets of established connections past the chains, from where they come in to where they
// leave; seen counts those that it does not take.
const flowtable = `
table inet fast {
	flowtable ft { hook ingress priority 0; devices = { wan0, dc0 }; }
	chain established { type filter hook forward priority 100; ct state established flow add @ft; }
	chain seen { type filter hook forward priority -300; counter; }
}`

// Each packet is what the option's layout says, byte for byte, with checksums that are right; what has no room
// passes as it is.
func TestBytes(t *testing.T) { testBytes(t, nstest.NewWires(t, "wan0", "dc0")) }

// So are those that a flowtable takes.
func TestBytesOffload(t *testing.T) {
	w := nstest.NewWires(t, "wan0", "dc0")
	r, err := w.Gateway.RunInput(t.Context(), flowtable, "nft", "-f", "-")
	must(t, err)
	switch {
	case strings.Contains(r.Stderr, "No such file or directory"):
		t.Skip("this kernel has no flowtables (make kernels runs this test on those that have)")
	case r.Code != 0:
		t.Fatal(r)
	}
	testBytes(t, w)
	r, err = w.Gateway.Run(t.Context(), "nft", "list", "chain", "inet", "fast", "seen")
	must(t, err)
	// The SYN twice, the SYN-ACK, and the ACK on kernels that offload a connection only when it is established.
	m := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(r.Stdout)
	if n, err := strconv.Atoi(m[1]); err != nil || n > 8*4 {
		t.Errorf("%d packets of 8 connections passed the chains, %v", n, err)
	}
}

// families are addresses of a client, a VIP, a laddr and a real server.
var families = [][4]string{
	{"8.8.8.8", "203.0.113.10", "192.168.1.250", "192.168.1.1"}, {"2001:db8:8::8", "2001:db8::10", "fd05::fa", "fd05::1"},
}

// connect begins an exchange of one of the families.
func connect(t testing.TB, w *nstest.Wires, family [4]string, port uint16) *exchange {
	t.Helper()
	addr := func(i int, port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr(family[i]), port)
	}
	must(t, w.Route(addr(3, 0).Addr(), "dc0"))
	x := &exchange{Wires: w, t: t, client: addr(0, port), vip: addr(1, 80), laddr: addr(2, port), server: addr(3, 80)}
	a := x.client.Addr().AsSlice()
	x.option = append([]byte{254, byte(4 + len(a)), byte(port >> 8), byte(port)}, a...)
	return x
}

// answers has the real server answer with a SYN-ACK, and wants its MSS to be lowered.
func (x *exchange) answers(options []byte) {
	x.t.Helper()
	lowered := slices.Clone(options)
	binary.BigEndian.PutUint16(lowered[2:], binary.BigEndian.Uint16(options[2:])-uint16(len(x.option)))
	x.passes("the SYN-ACK", "dc0", insert(nstest.CraftSegment(x.server, x.laddr, nstest.SYN|nstest.ACK, 7000, 5001, ""), options...),
		"wan0", hop(insert(nstest.CraftSegment(x.vip, x.client, nstest.SYN|nstest.ACK, 7000, 5001, ""), lowered...)))
}

// telling makes a gateway translate and tell.
func telling(t testing.TB, gateway *nstest.Host) *toa.Program {
	t.Helper()
	got, err := gateway.RunInput(t.Context(), fullnat, "nft", "-f", "-")
	if err != nil || got.Code != 0 {
		t.Fatal(err, got)
	}
	p := &toa.Program{Interfaces: []string{"dc0"}, Services: []toa.Service{{
		Name: "web", VIPs: []netip.Addr{netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("2001:db8::10")},
		Ports: []inet.PortRange{{First: 80, Last: 80}}, Servers: []netip.Addr{netip.MustParseAddr("192.168.1.1"), netip.MustParseAddr("fd05::1")},
	}}}
	tells(t, gateway, p)
	return p
}

func testBytes(t *testing.T, w *nstest.Wires) {
	p := telling(t, w.Gateway)
	for _, family := range families {
		for port := range uint16(4) {
			port += 40000
			x := connect(t, w, family, port)
			options, told := [][]byte{usual, nil, ended, large}[port-40000], true
			if len(options)+len(x.option) > 40 {
				told = false
			}
			x.forward("the SYN", nstest.SYN, 5000, options, "", told)
			x.forward("the SYN again", nstest.SYN, 5000, options, "", told)
			x.answers(usual)
			x.forward("the ACK", nstest.ACK, 5001, stamp, "", true)
			for _, size := range []int{1, 63, 64, 65, 700, 1379} {
				x.forward(fmt.Sprintf("%d bytes of data", size), nstest.ACK, 5001, stamp, strings.Repeat("abc", size)[:size], true)
			}
			x.forward("1379 bytes again", nstest.ACK, 5001, stamp, strings.Repeat("abc", 1379)[:1379], false)
			full := 1500 - 40 - len(stamp)
			if len(x.option) == toa.Len6 {
				full -= 20
			}
			x.forward("a full packet", nstest.ACK, 5001, stamp, strings.Repeat("x", full), false)
			x.forward("what follows", nstest.ACK, 5002, stamp, "more", false)
		}
	}
	must(t, w.Gateway.Do(func() error {
		all, err := Counts("t")
		if c, want := all[p.Services[0].ID()], (Count{SYN: 2 * 3 * 2, First: 2 * 4 * 7, Options: 2 * 2}); err != nil || c != want {
			t.Errorf("counted are %+v, %v, want %+v", c, err, want)
		}
		return nil
	}))
}
