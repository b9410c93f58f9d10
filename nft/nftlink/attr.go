package nftlink

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

func align(n int) int { return (n + 3) &^ 3 }

// appendHeader appends an nlmsghdr without its length, and an nfgenmsg.
func appendHeader(b []byte, typ, flags uint16, seq uint32, family byte, resID uint16) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, family, 0)
	return binary.BigEndian.AppendUint16(b, resID)
}

// appendAttr appends one attribute, padded.
func appendAttr[T string | []byte](b []byte, typ uint16, v T) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.NLA_HDRLEN+len(v)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, v...)
	for n := len(v); n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// appendString appends a string attribute with its terminating NUL.
func appendString(b []byte, typ uint16, v string) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.NLA_HDRLEN+len(v)+1))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(append(b, v...), 0)
	for n := len(v) + 1; n&3 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

func appendU32(b []byte, typ uint16, v uint32) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.NLA_HDRLEN+4)
	b = binary.NativeEndian.AppendUint16(b, typ)
	return binary.BigEndian.AppendUint32(b, v)
}

func appendU64(b []byte, typ uint16, v uint64) []byte {
	b = binary.NativeEndian.AppendUint16(b, unix.NLA_HDRLEN+8)
	b = binary.NativeEndian.AppendUint16(b, typ)
	return binary.BigEndian.AppendUint64(b, v)
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

// u32, u64 and str return the attribute's value; one that is too short gives zero.
func (a *attrs) u32() uint32 {
	if len(a.val) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(a.val)
}

func (a *attrs) u64() uint64 {
	if len(a.val) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(a.val)
}

func (a *attrs) str() string {
	n := len(a.val)
	for n > 0 && a.val[n-1] == 0 {
		n--
	}
	return string(a.val[:n])
}

// find returns the value of the first attribute of a type in a list.
func find(list []byte, typ uint16) []byte {
	for a := (attrs{rest: list}); a.next(); {
		if a.typ == typ {
			return a.val
		}
	}
	return nil
}

func nativeU32(b []byte) uint32 { return binary.NativeEndian.Uint32(b) }
