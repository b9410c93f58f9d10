// Package nfnl writes and reads the bytes of nfnetlink, the kernel's netlink for netfilter:
// messages and their attributes. It does not know what they mean; packages nftlink and ctlink
// do. It opens no socket.
package nfnl

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Align rounds a length up to where the next attribute or message begins
// (linux/netlink.h, NLA_ALIGNTO and NLMSG_ALIGNTO).
func Align(n int) int { return (n + 3) &^ 3 }

// AppendAttr appends one attribute, padded.
func AppendAttr[T string | []byte](b []byte, typ uint16, v T) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.NLA_HDRLEN+len(v)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, v...)
	for n := len(v); n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// AppendString appends a string attribute with its terminating NUL.
func AppendString(b []byte, typ uint16, v string) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.NLA_HDRLEN+len(v)+1))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(append(b, v...), 0)
	for n := len(v) + 1; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// AppendU8 appends an attribute of one byte.
func AppendU8(b []byte, typ uint16, v uint8) []byte { return AppendAttr(b, typ, []byte{v}) }

// AppendU16 appends a number in network byte order, as all of netfilter's numbers are.
func AppendU16(b []byte, typ, v uint16) []byte {
	return AppendAttr(b, typ, []byte{byte(v >> 8), byte(v)})
}

// AppendU32 is AppendU16 for 32 bits.
func AppendU32(b []byte, typ uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.NLA_HDRLEN+4)
	b = binary.NativeEndian.AppendUint16(b, typ)
	return binary.BigEndian.AppendUint32(b, v)
}

// AppendU64 is AppendU16 for 64 bits.
func AppendU64(b []byte, typ uint16, v uint64) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.NLA_HDRLEN+8)
	b = binary.NativeEndian.AppendUint16(b, typ)
	return binary.BigEndian.AppendUint64(b, v)
}

// OpenNest starts a nested attribute and returns where it starts.
func OpenNest(b []byte, typ uint16) ([]byte, int) {
	at := len(b)
	b = append(b, 0, 0)
	return binary.NativeEndian.AppendUint16(b, typ|unix.NLA_F_NESTED), at
}

// CloseNest writes the length of the nested attribute that starts at at.
func CloseNest(b []byte, at int) { binary.NativeEndian.PutUint16(b[at:], uint16(len(b)-at)) }
