package ct

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// An event's line is mostly decimal numbers, and a watch writes hundreds of thousands in a
// second: these are faster than those of packages netip and strconv, with the same result.

// octets holds what each octet of an address looks like, with a dot behind, and the length of
// that; unused places are 0. It is one number, so that it is copied at once.
var octets = func() (t [256]struct {
	text uint32 // four characters, the first one in the lowest byte
	n    uint8
}) {
	for i := range t {
		text := append(strconv.AppendUint(nil, uint64(i), 10), '.')
		t[i].n = uint8(len(text))
		t[i].text = binary.LittleEndian.Uint32(append(text, 0, 0, 0))
	}
	return t
}()

// appendIP appends an address as netip.Addr.AppendTo does.
func appendIP(dst []byte, a netip.Addr) []byte {
	if !a.Is4() {
		return a.AppendTo(dst)
	}
	for _, octet := range a.As4() {
		o := &octets[octet]
		dst = binary.LittleEndian.AppendUint32(dst, o.text)
		dst = dst[:len(dst)-4+int(o.n)]
	}
	return dst[:len(dst)-1]
}

// appendIPPort appends an address and a port as netip.AddrPort.AppendTo does.
func appendIPPort(dst []byte, a netip.AddrPort) []byte {
	if !a.Addr().Is4() {
		return a.AppendTo(dst)
	}
	return appendUint(append(appendIP(dst, a.Addr()), ':'), uint64(a.Port()))
}

// appendUint appends a number as strconv.AppendUint does in decimal.
func appendUint(dst []byte, n uint64) []byte {
	if n >= 1<<32 {
		return strconv.AppendUint(dst, n, 10)
	}
	var digits [10]byte
	i, rest := len(digits), uint32(n)
	for rest >= 100 {
		i -= 2
		copy(digits[i:i+2], pair(rest%100))
		rest /= 100
	}
	if rest >= 10 {
		return append(append(dst, pair(rest)...), digits[i:]...)
	}
	return append(append(dst, byte('0'+rest)), digits[i:]...)
}

// pairs are the numbers below 100 in two digits, one behind the other.
const pairs = "00010203040506070809" + "10111213141516171819" + "20212223242526272829" + "30313233343536373839" + "40414243444546474849" +
	"50515253545556575859" + "60616263646566676869" + "70717273747576777879" + "80818283848586878889" + "90919293949596979899"

func pair(n uint32) string { return pairs[2*n : 2*n+2] }
