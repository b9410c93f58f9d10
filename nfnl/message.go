package nfnl

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// GenmsgLen is the length of struct nfgenmsg, with which the payload of a message begins
// (linux/netfilter/nfnetlink.h).
const GenmsgLen = 4

// ErrTruncated says that a message or attribute is longer than what there is of it.
var ErrTruncated = errors.New("netlink message is cut short")

// AppendHeader appends an nlmsghdr without its length, and an nfgenmsg. The subsystem is the
// upper byte of typ; a family of 0 is all.
func AppendHeader(b []byte, typ, flags uint16, seq uint32, family byte, resID uint16) []byte {
	b = append(b, 0, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = append(b, 0, 0, 0, 0, family, unix.NFNETLINK_V0)
	return binary.BigEndian.AppendUint16(b, resID)
}

// Message is one netlink message (linux/netlink.h): what follows its nlmsghdr.
type Message struct {
	Type, Flags uint16
	Seq         uint32
	Data        []byte
}

// Cut takes the first message off a datagram.
func Cut(b []byte) (m Message, rest []byte, err error) {
	if len(b) < unix.NLMSG_HDRLEN {
		return m, nil, ErrTruncated
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < unix.NLMSG_HDRLEN || n > len(b) {
		return m, nil, ErrTruncated
	}
	m = Message{binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:]), binary.NativeEndian.Uint32(b[8:]), b[unix.NLMSG_HDRLEN:n]}
	return m, b[min(Align(n), len(b)):], nil
}

// Errno returns the error number that an NLMSG_ERROR or NLMSG_DONE begins with, 0 if all went
// well.
func Errno(data []byte) unix.Errno {
	if len(data) < 4 {
		return unix.EBADMSG
	}
	return unix.Errno(-int32(binary.NativeEndian.Uint32(data)))
}
