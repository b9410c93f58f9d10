package ct

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
)

// Numbers and addresses are written as the standard library writes them.
func TestDecimal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(got []byte, want string) {
		t.Helper()
		if string(got) != "before"+want {
			t.Fatalf("got %q, want %q", got, "before"+want)
		}
	}
	before := func() []byte { return []byte("before")[:6:6] }
	for shift := range 64 {
		for range 200 {
			n := random.Uint64() >> shift
			check(appendUint(before(), n), strconv.FormatUint(n, 10))
		}
	}
	for n := range uint64(70000) {
		check(appendUint(before(), n), strconv.FormatUint(n, 10))
	}
	for i := range 256 {
		a := netip.AddrFrom4([4]byte{byte(i), byte(255 - i), byte(random.Uint32()), byte(i)})
		six := netip.AddrFrom16([16]byte{0x20, 1, byte(i), 15: byte(i)})
		for _, ip := range []netip.Addr{a, six, netip.AddrFrom16(a.As16()), six.WithZone("lan"), {}} {
			check(appendIP(before(), ip), string(ip.AppendTo(nil)))
			at := netip.AddrPortFrom(ip, uint16(random.Uint32()>>(16+i%16)))
			check(appendIPPort(before(), at), string(at.AppendTo(nil)))
		}
	}
}
