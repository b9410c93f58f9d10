package ct

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/inet"
)

// Every front of a large policy leads to its service, whatever its family, and nothing else does.
func TestFronts(t *testing.T) {
	var b Bindings
	v4 := func(i int) netip.Addr {
		return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 203<<24+uint32(i))))
	}
	v6 := func(i int) netip.Addr {
		a := netip.MustParseAddr("2001:db8::").As16()
		binary.BigEndian.PutUint32(a[12:], uint32(i))
		return netip.AddrFrom16(a)
	}
	const n = 5000
	for i := range n {
		port := inet.PortRange{First: uint16(i%7 + 1), Last: uint16(i%7 + 1)}
		if i%5 == 0 {
			port = inet.AnyPort
		}
		tcp := inet.ProtoPorts{Proto: inet.TCP, Ports: port}
		b.Services = append(b.Services, Service{Name: v4(i).String(), Fronts: []Front{{v4(i), tcp, 0}, {v6(i), tcp, 0}},
			Servers: []Server{{Addr: v4(n + i), Port: 80}, {Addr: v4(2*n + i)}, {Addr: v6(n + i), Port: 80}}[:2+i%2]})
	}
	x := NewIndex(b, nil)
	for i := range n {
		port := uint16(i%7 + 1)
		for _, vip := range []netip.Addr{v4(i), v6(i)} {
			if s := x.service(inet.TCP, netip.AddrPortFrom(vip, port)); x.cards.service(s) != int32(i) || x.cards.name(s) != b.Services[i].Name {
				t.Fatalf("%s port %d is of service %d, want %d", vip, port, s, i)
			}
			if s := x.service(inet.UDP, netip.AddrPortFrom(vip, port)); s != none {
				t.Fatalf("udp %s port %d is of service %d, want none", vip, port, s)
			}
			if s := x.service(inet.TCP, netip.AddrPortFrom(vip, 99)); (x.cards.service(s) == int32(i)) != (i%5 == 0) {
				t.Fatalf("%s port 99 is of service %d", vip, s)
			}
		}
		for _, c := range []struct {
			at     netip.AddrPort
			called uint16
			want   int32
		}{
			{netip.AddrPortFrom(v4(n+i), 80), 5, 0}, {netip.AddrPortFrom(v4(n+i), 81), 81, none},
			{netip.AddrPortFrom(v4(2*n+i), 5), 5, 1}, {netip.AddrPortFrom(v4(2*n+i), 5), 6, none},
			{netip.AddrPortFrom(v6(n+i), 80), 5, int32(i%2)*3 - 1}, {netip.AddrPortFrom(v6(i), 80), 80, none},
		} {
			if got := x.server(x.cards.of[i], c.called, c.at); got != c.want {
				t.Fatalf("%s called at %d is real server %d of service %d, want %d", c.at, c.called, got, i, c.want)
			}
		}
	}
	if s := x.service(inet.TCP, netip.AddrPortFrom(v4(n), 1)); s != none {
		t.Errorf("a VIP of nobody is of service %d", s)
	}
}
