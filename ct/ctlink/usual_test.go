package ctlink

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
)

// The short way of reading a tuple reads what the long one reads, or leaves it to that.
func TestUsualTuple(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	at := func(six bool) netip.AddrPort {
		var ip [16]byte
		for i := range ip {
			ip[i] = byte(random.Uint32())
		}
		if six {
			return netip.AddrPortFrom(netip.AddrFrom16(ip), uint16(random.Uint32()))
		}
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip[:])), uint16(random.Uint32()))
	}
	usual, broken := 0, 0
	for n := range 20000 {
		six := n%8 == 0
		proto := []inet.Proto{inet.TCP, inet.UDP, inet.SCTP, inet.ICMP}[n%4]
		b := appendTuple(nil, ctaTupleOrig, &ct.Tuple{Proto: proto, Src: at(six), Dst: at(six)})[4:] // without its own head
		if n%3 == 0 {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
		if n%5 == 0 {
			b = nfnl.AppendU16(b, ctaTupleZone, 7)
		}
		var got, want ct.Tuple
		var zone uint16
		err := anyTuple(b, &want, &zone)
		if usualTuple(b, &got) {
			if usual++; got != want || err != nil || zone != 0 {
				t.Fatalf("% x is read as %+v, want %+v in zone %d (%v)", b, got, want, zone, err)
			}
		} else if broken++; proto != inet.ICMP && !six && n%3 != 0 && n%5 != 0 {
			t.Fatalf("% x takes the long way", b)
		}
	}
	if usual < 5000 || broken < 5000 {
		t.Errorf("%d took the short way, %d the long one", usual, broken)
	}
}
