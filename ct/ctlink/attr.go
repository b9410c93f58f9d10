package ctlink

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

func align(n int) int { return (n + 3) &^ 3 }

// appendHeader appends an nlmsghdr without its length, and an nfgenmsg for a family (0 is
// both; linux/netfilter/nfnetlink.h).
func appendHeader(b []byte, typ, flags uint16, seq uint32, family byte) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, unix.NFNL_SUBSYS_CTNETLINK<<8|typ)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	return append(b, 0, 0, 0, 0, family, unix.NFNETLINK_V0, 0, 0)
}

// appendAttr appends one attribute, padded.
func appendAttr(b []byte, typ uint16, v []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.NLA_HDRLEN+len(v)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, v...)
	for n := len(v); n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

func appendU8(b []byte, typ uint16, v uint8) []byte { return appendAttr(b, typ, []byte{v}) }

func appendU16(b []byte, typ, v uint16) []byte {
	return appendAttr(b, typ, []byte{byte(v >> 8), byte(v)})
}

func appendU32(b []byte, typ uint16, v uint32) []byte {
	return appendAttr(b, typ, []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// openNest starts a nested attribute and returns where it starts.
func openNest(b []byte, typ uint16) ([]byte, int) {
	at := len(b)
	b = append(b, 0, 0)
	return binary.NativeEndian.AppendUint16(b, typ|unix.NLA_F_NESTED), at
}

// closeNest writes the length of the nested attribute that starts at at.
func closeNest(b []byte, at int) { binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at)) }

// attrs walks a list of attributes. Malformed input ends the walk with an error.
type attrs struct {
	rest []byte
	typ  uint16 // without the flag bits
	val  []byte
	err  error
}

func (a *attrs) next() bool {
	if len(a.rest) < unix.NLA_HDRLEN {
		return false
	}
	n := int(binary.NativeEndian.Uint16(a.rest))
	if n < unix.NLA_HDRLEN || n > len(a.rest) {
		a.err = errTruncated
		return false
	}
	a.typ = binary.NativeEndian.Uint16(a.rest[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	a.val = a.rest[unix.NLA_HDRLEN:n]
	a.rest = a.rest[min(align(n), len(a.rest)):]
	return true
}

// u8, u16, u32 and u64 return the attribute's value, which conntrack writes in network byte
// order. One that is too short gives zero and ends the walk.
func (a *attrs) u8() uint8 {
	if len(a.val) < 1 {
		return uint8(a.short())
	}
	return a.val[0]
}

func (a *attrs) u16() uint16 {
	if len(a.val) < 2 {
		return uint16(a.short())
	}
	return binary.BigEndian.Uint16(a.val)
}

func (a *attrs) u32() uint32 {
	if len(a.val) < 4 {
		return uint32(a.short())
	}
	return binary.BigEndian.Uint32(a.val)
}

func (a *attrs) u64() uint64 {
	if len(a.val) < 8 {
		return a.short()
	}
	return binary.BigEndian.Uint64(a.val)
}

func (a *attrs) short() uint64 {
	a.rest, a.err = nil, errTruncated
	return 0
}
