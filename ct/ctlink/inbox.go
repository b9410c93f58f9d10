package ctlink

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/nfnl"
)

// inbox holds the datagrams that one system call has read: each is one event
// (ctnetlink_conntrack_event).
type inbox struct {
	heads []unix.Mmsghdr
	vecs  []unix.Iovec
	space []byte
	n     int // datagrams
	next  int // the first that was not looked at
}

const (
	inboxLen = 128
	// slotSize is above the largest event (ctnetlink_nlmsg_size), labels and a security
	// context included.
	slotSize = 2048
)

func newInbox() *inbox {
	in := &inbox{heads: make([]unix.Mmsghdr, inboxLen), vecs: make([]unix.Iovec, inboxLen), space: make([]byte, inboxLen*slotSize)}
	for i := range in.heads {
		in.vecs[i].Base = &in.space[i*slotSize]
		in.vecs[i].SetLen(slotSize)
		in.heads[i].Hdr.Iov = &in.vecs[i]
		in.heads[i].Hdr.SetIovlen(1)
	}
	return in
}

// fill reads what there is (recvmmsg(2)); EAGAIN says that there is nothing.
func (in *inbox) fill(fd int) error {
	for {
		n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&in.heads[0])), inboxLen, unix.MSG_DONTWAIT, 0, 0)
		switch e {
		case 0:
			in.n, in.next = int(n), 0
			return nil
		case unix.EINTR:
		default:
			return e
		}
	}
}

// full tells whether more may wait in the kernel than was read.
func (in *inbox) full() bool { return in.n == inboxLen }

// event decodes the next datagram.
func (in *inbox) event(e *ct.Event) error {
	head := &in.heads[in.next]
	start := in.next * slotSize
	in.next++
	if head.Hdr.Flags&unix.MSG_TRUNC != 0 {
		return nfnl.ErrTruncated
	}
	return decodeEvent(in.space[start:start+int(head.Len)], e)
}

// decodeEvent decodes a datagram with one event.
func decodeEvent(b []byte, e *ct.Event) error {
	m, _, err := nfnl.Cut(b)
	if err != nil {
		return err
	}
	if len(m.Data) < nfnl.GenmsgLen {
		return nfnl.ErrTruncated
	}
	switch {
	case m.Type == unix.NFNL_SUBSYS_CTNETLINK<<8|ctDelete:
		e.Kind = ct.Destroy
	case m.Type != unix.NFNL_SUBSYS_CTNETLINK<<8|ctNew:
		return fmt.Errorf("netlink message of type %#x is no conntrack event", m.Type)
	case m.Flags&unix.NLM_F_CREATE != 0 && entered(b):
		e.Kind = ct.Taken
	case m.Flags&unix.NLM_F_CREATE != 0:
		e.Kind = ct.New
	default:
		e.Kind = ct.Update
	}
	at, err := decode(m.Data[nfnl.GenmsgLen:], &e.Flow)
	e.At = moment(at)
	return err
}

// entered tells whether a program asked for what an event tells of: the header names its socket, and none
// where a packet was the cause (struct nlmsghdr, nlmsg_pid; ctnetlink_conntrack_event).
func entered(b []byte) bool { return binary.NativeEndian.Uint32(b[12:]) != 0 }

// drops returns how many datagrams the kernel dropped since the socket was opened, for want
// of room (sk_drops, by SO_MEMINFO; linux/sock_diag.h).
func drops(fd int) (uint32, error) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return 0, e
	}
	return info[unix.SK_MEMINFO_DROPS], nil
}
