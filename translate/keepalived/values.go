package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// address reads an address; bad is the code of what is wrong with it.
func address(text string) (a netip.Addr, bad string) {
	a, err := netip.ParseAddr(text)
	switch {
	case err == nil:
		return a.Unmap().WithZone(""), ""
	case strings.ContainsAny(text, "$"), text == "":
		return a, "M207"
	case strings.Trim(text, "0123456789.:/") == "":
		return a, "M207"
	}
	return a, "M005"
}

// portOf reads a port or a range of ports. None, and 0, are every port.
func portOf(text string) (inet.PortRange, bool) {
	if text == "" {
		return inet.AnyPort, true
	}
	low, high, some := strings.Cut(text, "-")
	if !some {
		high = low
	}
	a, err := strconv.ParseUint(low, 10, 16)
	b, err2 := strconv.ParseUint(high, 10, 16)
	switch {
	case err != nil || err2 != nil || b < a:
		return inet.PortRange{}, false
	case a == 0:
		return inet.AnyPort, true
	}
	return inet.PortRange{First: uint16(a), Last: uint16(b)}, true
}

// maskBits reads a mask as 255.255.255.0 or as a number of bits.
func maskBits(text string) (int, bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, n >= 0 && n <= 128
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return 0, false
	}
	b := a.As4()
	mask := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := 0
	for n < 32 && mask&(1<<(31-n)) != 0 {
		n++
	}
	return n, mask<<n == 0
}

// addresses reads an address, a range whose second part is an address or the last part of one, or
// a prefix, whose host bits say where it begins.
func addresses(text string) (r inet.Range, code string) {
	if head, bits, some := strings.Cut(text, "/"); some {
		a, code := address(head)
		n, err := strconv.Atoi(bits)
		if code != "" || err != nil || n < 0 || n > a.BitLen() {
			return r, "M207"
		}
		p := netip.PrefixFrom(a, n).Masked()
		return inet.PrefixRange(p), ""
	}
	head, tail, some := strings.Cut(text, "-")
	from, code := address(head)
	if code != "" || !some {
		return inet.AddrRange(from), code
	}
	to, err := netip.ParseAddr(tail)
	if err != nil {
		sep := "."
		if from.Is6() {
			sep = ":"
		}
		to, err = netip.ParseAddr(head[:strings.LastIndex(head, sep)+1] + tail)
	}
	if err != nil || to.BitLen() != from.BitLen() || to.Less(from) {
		return r, "M207"
	}
	return inet.Range{From: from, To: to}, ""
}

// number32 reads a number of at most 31 bits.
func number32(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err == nil
}

// markOf reads a mark, which has 32 bits; 0 is none.
func markOf(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && n > 0
}
