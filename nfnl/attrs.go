package nfnl

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Attrs walks a list of attributes: set Rest, and call Next until it says false. Nothing is
// copied: Val is a part of the list.
type Attrs struct {
	Rest []byte
	Type uint16 // of the attribute at hand, without the flag bits
	Val  []byte
	Err  error // ErrTruncated where the list, or a value that was asked for, is too short
}

// Next steps to the next attribute. Malformed input ends the walk with an error.
func (a *Attrs) Next() bool {
	if len(a.Rest) < unix.NLA_HDRLEN {
		return false
	}
	n := int(binary.NativeEndian.Uint16(a.Rest))
	if n < unix.NLA_HDRLEN || n > len(a.Rest) {
		a.Err = ErrTruncated
		return false
	}
	a.Type = binary.NativeEndian.Uint16(a.Rest[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
	a.Val = a.Rest[unix.NLA_HDRLEN:n]
	a.Rest = a.Rest[min(Align(n), len(a.Rest)):]
	return true
}

// U8 returns the attribute's value, as do U16, U32 and U64 from network byte order. One that
// is too short gives zero and an error.
func (a *Attrs) U8() uint8 {
	if len(a.Val) < 1 {
		return uint8(a.short())
	}
	return a.Val[0]
}

// U16 is U8 for 16 bits.
func (a *Attrs) U16() uint16 {
	if len(a.Val) < 2 {
		return uint16(a.short())
	}
	return binary.BigEndian.Uint16(a.Val)
}

// U32 is U8 for 32 bits.
func (a *Attrs) U32() uint32 {
	if len(a.Val) < 4 {
		return uint32(a.short())
	}
	return binary.BigEndian.Uint32(a.Val)
}

// U64 is U8 for 64 bits.
func (a *Attrs) U64() uint64 {
	if len(a.Val) < 8 {
		return a.short()
	}
	return binary.BigEndian.Uint64(a.Val)
}

func (a *Attrs) short() uint64 {
	a.Err = ErrTruncated
	return 0
}

// Str returns the value as a string, without the NULs that end it.
func (a *Attrs) Str() string {
	n := len(a.Val)
	for n > 0 && a.Val[n-1] == 0 {
		n--
	}
	return string(a.Val[:n])
}

// Find returns the value of the first attribute of a type in a list, nil if there is none.
func Find(list []byte, typ uint16) []byte {
	for a := (Attrs{Rest: list}); a.Next(); {
		if a.Type == typ {
			return a.Val
		}
	}
	return nil
}
