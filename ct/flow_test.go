package ct_test

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/snatctl/snatctl/ct"
)

// Flows whose IDs happen to be the same have names of their own: also those of a flood, which
// differ by one address, or by one port.
func TestFlowNames(t *testing.T) {
	four, six := netip.MustParseAddr("10.9.0.0").As4(), netip.MustParseAddr("fd00::").As16()
	seen := make(map[ct.FlowName]netip.AddrPort)
	name := func(src, dst netip.AddrPort) {
		f := ct.Flow{ID: 7, Orig: ct.Tuple{Src: src, Dst: dst}}
		if was, ok := seen[f.Name()]; ok {
			t.Fatalf("the flow from %s to %s has the name of that of %s", src, dst, was)
		}
		seen[f.Name()] = src
	}
	for n := range uint16(2000) {
		binary.BigEndian.PutUint16(four[2:], n)
		binary.BigEndian.PutUint16(six[14:], n)
		for _, a := range []netip.Addr{netip.AddrFrom4(four), netip.AddrFrom16(six)} {
			name(netip.AddrPortFrom(a, 1024), netip.MustParseAddrPort("8.8.8.8:53"))
			name(netip.MustParseAddrPort("10.1.0.1:1024"), netip.AddrPortFrom(a, 53))
		}
		name(netip.AddrPortFrom(netip.MustParseAddr("10.1.0.1"), n), netip.MustParseAddrPort("8.8.8.8:443"))
	}
}
