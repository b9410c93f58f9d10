// Package nftlink is the kernel's side of package nft: it sends plans as one transaction, and
// reads tables back. It is the only package that opens a socket for nftables; package wire
// makes the bytes.
package nftlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Conn is a netlink socket for nftables in the network namespace of the thread that
// opened it. It is not safe for concurrent use.
type Conn struct {
	fd      int
	buf     []byte
	seq     uint32
	commits uint32
}

// Commits returns how many transactions the kernel has carried out for this socket. Each makes a
// new generation.
func (c *Conn) Commits() uint32 { return c.commits }

// Buffers: a whole transaction is one datagram, and each reply of a dump fills what the
// reader offers (net/netlink/af_netlink.c, netlink_dump: at most 32 KiB).
const (
	recvSpace = 8 << 20
	readSize  = 1 << 17
)

// Open opens a socket. It needs CAP_NET_ADMIN to do anything with it.
func Open() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for nftables: %w", explainErrno(err))
	}
	c := &Conn{fd: fd, buf: make([]byte, readSize)}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind netlink socket for nftables: %w", err)
	}
	// Without privilege over the socket limits the defaults must do.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, recvSpace) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, recvSpace)
	}
	for _, opt := range []int{unix.NETLINK_CAP_ACK, unix.NETLINK_EXT_ACK} {
		_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1) // older kernels: errors say less
	}
	return c, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// send sends one datagram of any size.
func (c *Conn) send(b []byte) error {
	// A netlink datagram must fit the send buffer with its overhead (netlink_sendmsg).
	room := len(b) + 1<<16
	if unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, room) != nil {
		_ = unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, room)
	}
	for {
		err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err != unix.EINTR {
			return err
		}
	}
}

// recv reads one datagram; the bytes are good until the next call.
func (c *Conn) recv(flags int) ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, flags)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		return c.buf[:n], nil
	}
}

// messages calls f for each message of a datagram until it returns false. Less than a header
// at the end is no message.
func messages(b []byte, f func(nfnl.Message) bool) error {
	for len(b) >= unix.NLMSG_HDRLEN {
		m, rest, err := nfnl.Cut(b)
		if err != nil {
			return err
		}
		if !f(m) {
			return nil
		}
		b = rest
	}
	return nil
}

// errInterrupted says that the ruleset changed while it was dumped.
var errInterrupted = errors.New("ruleset changed while it was read")

// dump requests a dump and calls f for each answer's payload, behind its nfgenmsg.
func (c *Conn) dump(ctx context.Context, typ uint16, attrs []byte, f func([]byte) error) error {
	return c.request(ctx, typ, unix.NLM_F_DUMP, attrs, f)
}

// request sends one request and calls f for each answer up to the end of a dump, an
// acknowledgement or an error.
func (c *Conn) request(ctx context.Context, typ, flags uint16, attrs []byte, f func([]byte) error) error {
	return c.requestOf(ctx, unix.NFPROTO_INET, typ, flags, attrs, f)
}

// requestOf is request for tables of a family.
func (c *Conn) requestOf(ctx context.Context, family byte, typ, flags uint16, attrs []byte, f func([]byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.seq++
	b := nfnl.AppendHeader(nil, unix.NFNL_SUBSYS_NFTABLES<<8|typ, unix.NLM_F_REQUEST|flags, c.seq, family, 0)
	b = append(b, attrs...)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	if err := c.send(b); err != nil {
		return err
	}
	var failed error
	for done := false; !done; {
		d, err := c.recv(0)
		if err != nil {
			return err
		}
		err = messages(d, func(m nfnl.Message) bool {
			if m.Seq != c.seq {
				return true // left over from an earlier request
			}
			switch m.Type {
			case unix.NLMSG_DONE:
				done = true
			case unix.NLMSG_ERROR:
				done = true
				if e := nfnl.Errno(m.Data); e != 0 && failed == nil {
					failed = e
				}
			default:
				if m.Flags&unix.NLM_F_DUMP_INTR != 0 && failed == nil {
					failed = errInterrupted
				}
				if failed == nil && len(m.Data) >= 4 {
					failed = f(m.Data[4:])
				}
				done = flags&unix.NLM_F_DUMP == 0 && flags&unix.NLM_F_ACK == 0
			}
			return !done
		})
		if err != nil {
			return err
		}
	}
	return failed
}
