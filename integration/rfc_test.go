package integration

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// The tests of rfc_*_test.go show what docs/rfc.md says of the kernel's NAT, for better or worse: packets
// go into a gateway with an inside and an outside, and what comes out is read to the byte.

// between is a gateway whose inside and outside are the test.
type between struct {
	*nstest.Wires
	t *testing.T
}

// The interfaces of between. Inside is 10.0.0.0/8, outside is all else.
const lan, wan = "lan0", "wan0"

// startBetween returns a gateway between an inside and an outside that holds a policy.
func startBetween(t *testing.T, policy string) *between {
	t.Helper()
	t.Parallel()
	b := &between{nstest.NewWires(t, wan, lan), t}
	must(t, b.Gateway.AddRoute(lan, "10.0.0.0/8", ""))
	apply(t, b.Gateway, policy)
	return b
}

// heard is an IPv4 packet that left the gateway.
type heard struct {
	nstest.Parsed
	via string
	raw []byte
}

// String tells what a packet is: "wan0: udp 198.51.100.1:5000 > 8.8.8.8:53".
func (h heard) String() string {
	proto := map[int]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp", unix.IPPROTO_ICMP: "icmp"}[h.Proto]
	if h.Proto == unix.IPPROTO_ICMP {
		return fmt.Sprintf("%s: icmp %d/%d %s > %s", h.via, h.Kind, h.Code, h.From.Addr(), h.To.Addr())
	}
	return fmt.Sprintf("%s: %s %s > %s", h.via, proto, h.From, h.To)
}

// quoted returns the packet that an ICMP error is about.
func (h heard) quoted() string {
	q, ok := nstest.Parse(h.Data)
	if !ok {
		return "nothing: " + hex.EncodeToString(h.Data)
	}
	return strings.TrimPrefix(heard{Parsed: q}.String(), ": ")
}

// next returns the next IPv4 packet that leaves the gateway within a limit.
func (b *between) next(limit time.Duration) (heard, bool) {
	b.t.Helper()
	for deadline := time.Now().Add(limit); ; {
		via, raw, err := b.Receive(max(time.Until(deadline), 0))
		must(b.t, err)
		if raw == nil {
			return heard{}, false
		}
		if p, ok := nstest.Parse(raw); ok {
			return heard{p, via, append([]byte(nil), raw...)}, true
		}
	}
}

// send lets a packet in by an interface.
func (b *between) send(via string, packet []byte) {
	b.t.Helper()
	must(b.t, b.Send(via, packet))
}

// pass lets a packet in and returns the one that leaves for it, which must come.
func (b *between) pass(via string, packet []byte) heard {
	b.t.Helper()
	b.send(via, packet)
	h, ok := b.next(20 * time.Second)
	if !ok {
		in, _ := nstest.Parse(packet)
		b.t.Fatalf("nothing leaves the gateway for %s", heard{Parsed: in, via: via})
	}
	return h
}

// want lets a packet in and checks what leaves.
func (b *between) want(via string, packet []byte, want string) heard {
	b.t.Helper()
	h := b.pass(via, packet)
	if h.String() != want {
		b.t.Errorf("%s leaves, want %s", h, want)
	}
	if !h.Sum && !h.More && h.Offset == 0 {
		b.t.Errorf("%s has a wrong checksum: %x", h, h.raw)
	}
	return h
}

// nothing lets a packet in for which none may leave.
func (b *between) nothing(via string, packet []byte) {
	b.t.Helper()
	b.send(via, packet)
	if h, ok := b.next(nstest.Silence); ok {
		in, _ := nstest.Parse(packet)
		b.t.Errorf("%s leaves for %s, want nothing", h, heard{Parsed: in, via: via})
	}
}

// prolongs tells whether a packet prolongs the one flow to an address. It waits until the flow is a little
// old, and tries again where the machine is slow.
func (b *between) prolongs(proto, to string, send func()) bool {
	b.t.Helper()
	fresh, _ := leftOf(b.t, b.Gateway, proto, to)
	before := fresh
	until(b.t, "the flow to age", func() bool {
		before, _ = leftOf(b.t, b.Gateway, proto, to)
		return before <= fresh-3
	})
	for range 3 {
		send()
		if after, _ := leftOf(b.t, b.Gateway, proto, to); after > before {
			return true
		}
	}
	return false
}

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// datagram and its like for TCP are first packets between two endpoints.
func datagram(from, to string) []byte { return nstest.Craft(unix.IPPROTO_UDP, at(from), at(to)) }
func syn(from, to string) []byte {
	return nstest.CraftSegment(at(from), at(to), nstest.SYN, 1000, 0, "")
}

// first makes the first packet of a connection, by protocol.
var first = map[string]func(from, to string) []byte{"udp": datagram, "tcp": syn}
