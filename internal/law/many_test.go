package law

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
)

// Many zones of one prefix length are looked up by their first bits, those of other lengths by
// range: which of them holds a source is as the policy says, wherever zones before them have
// taken a part away.
func TestManyZones(t *testing.T) {
	var b strings.Builder
	b.WriteString(`version: 1
laddrs: {bound: {addresses: 198.51.100.10-198.51.100.11, ports: 2000-2999}}
zones:
  - {name: host, from: 10.0.5.7, laddrs: 198.51.100.1}
  - {name: half, from: 10.0.6.128/25, action: accept}
  - {name: wide, from: 10.0.8.0/22, laddrs: 198.51.100.2-198.51.100.9}
  - {name: bound, from: [10.0.16.0/24, 10.0.17.4], laddrs: bound}
`)
	for i := range 1100 {
		if i&^3 != 8 && i != 16 { // these are taken whole
			fmt.Fprintf(&b, "  - {name: zone-%d, from: 10.%d.%d.0/24, laddrs: 203.0.%d.%d}\n", i, i>>8, i&255, i>>8, i&255)
		}
	}
	b.WriteString("  - {name: rest, from: 10.0.0.0/8, laddrs: 192.0.2.1}\n")
	l, err := New([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	exact := layout.Zones.Of(inet.V4)
	exact.Variant.Bits = 24
	if l.Machine.sets[exact.String()] == nil || l.Machine.sets[layout.Zones.Of(inet.V4).String()] == nil {
		t.Fatal("sources are not looked up both ways")
	}
	whole, _ := compiler.Compile(l.Policy)
	if parts, err := sum(l.Policy); err != nil || script(t, parts) != script(t, whole) {
		t.Errorf("the sum of fragments is another table (%v)", err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for i := range 6000 {
		third := byte(random.Uint32())
		if i%2 == 0 {
			third = byte(random.Uint32N(20)) // where zones cut each other
		}
		pkt, err := ParsePacket(fmt.Sprintf("%s 10.%d.%d.%d:4000 > 8.8.8.8:53 oif wan0", []string{"tcp", "udp", "icmp"}[i%3], random.Uint32N(6)*uint32(i%5)/4, third, byte(random.Uint32())))
		if err != nil {
			t.Fatal(err)
		}
		if pkt.Proto == inet.ICMP {
			pkt.From, pkt.To = netip.AddrPortFrom(pkt.From.Addr(), 0), netip.AddrPortFrom(pkt.To.Addr(), 0)
		}
		if err := l.Check(pkt); err != nil {
			t.Fatalf("%s: %v", pkt, err)
		}
	}
}
