package ctlink

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ti-mo/conntrack"

	"github.com/snatctl/snatctl/nfnl"
)

// Conn asks the kernel about the flows of one network namespace, that of the thread that
// opened it. It is not safe for concurrent use.
type Conn struct {
	fd       int
	buf      []byte // of the last answer
	out      []byte // of the last batch of requests
	seq      uint32
	counters *conntrack.Conn // for what is asked seldom

	reading bool // an answer is being read: it is some caller's loop that runs
	left    bool // the rest of an answer was left unread
}

const (
	// recvSpace holds the errors of a datagram of deletions, some 1 KiB each as the kernel counts.
	recvSpace = 4 << 20
	// readSize is above what the kernel puts into one answer, 32 KiB (netlink_dump).
	readSize = 1 << 16
	// patience is how long, in seconds, an answer may take. The kernel answers within the
	// system call that asks; this only keeps a lost answer from hanging the program.
	patience = 10
)

// Open opens a socket, and asks the kernel whether it can serve: the errors are
// ErrNoPermission and ErrUnsupported, or what the system says.
func Open() (*Conn, error) {
	fd, err := open(0, recvSpace)
	if err != nil {
		return nil, err
	}
	c := &Conn{fd: fd, buf: make([]byte, readSize)}
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1) // older kernels: errors are longer
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: patience})
	if err == nil {
		c.counters, err = conntrack.Dial(nil)
	}
	if err == nil {
		_, err = c.counters.StatsGlobal()
		err = explainOf(err)
	}
	if errors.Is(err, unix.EINVAL) { // nfnetlink_rcv_msg, where nothing serves the subsystem
		err = fmt.Errorf("%w (%w)", ErrUnsupported, err)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the sockets.
func (c *Conn) Close() error {
	if c.counters != nil {
		_ = c.counters.Close()
	}
	return unix.Close(c.fd)
}

// errBusy says that a caller asks something from within its loop over the last answer.
var errBusy = errors.New("the connection is in use: end the loop over flows first")

// request sends one request and calls each with every answer's payload, behind its nfgenmsg,
// until it returns false or the kernel has said all.
func (c *Conn) request(ctx context.Context, typ, flags uint16, each func([]byte) bool) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	c.seq++
	b := appendHeader(nil, typ, flags, c.seq, unix.AF_UNSPEC)
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	if err := c.send(b); err != nil {
		return err
	}
	c.left = flags&unix.NLM_F_DUMP != 0
	c.reading = true
	defer func() { c.reading = false }()
	return c.answers(ctx, each)
}

// ready makes sure that no other answer is in the way.
func (c *Conn) ready(ctx context.Context) error {
	if c.reading {
		return errBusy
	}
	if !c.left {
		return ctx.Err()
	}
	return c.answers(ctx, func([]byte) bool { return true })
}

// answers reads what the kernel says to the last request: a single message, or a dump up to
// its end.
func (c *Conn) answers(ctx context.Context, each func([]byte) bool) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := c.recv()
		if err != nil {
			return err
		}
		for len(b) > 0 {
			var m nfnl.Message
			if m, b, err = nfnl.Cut(b); err != nil {
				return err
			}
			switch {
			case m.Seq != c.seq: // left over from an earlier request
			case m.Type == unix.NLMSG_DONE || m.Type == unix.NLMSG_ERROR:
				c.left = false
				if e := nfnl.Errno(m.Data); e != 0 {
					return explain(e)
				}
				return nil
			case len(m.Data) < nfnl.GenmsgLen:
				return nfnl.ErrTruncated
			case more:
				more = each(m.Data[nfnl.GenmsgLen:]) && c.left
			}
		}
	}
	return nil
}

// send sends one datagram. The kernel has carried out all of it when send returns
// (netlink_rcv_skb).
func (c *Conn) send(b []byte) error {
	for {
		err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if err != unix.EINTR {
			return explain(err)
		}
	}
}

// recv reads one datagram; the bytes are good until the next call.
func (c *Conn) recv() ([]byte, error) {
	for {
		n, err := unix.Read(c.fd, c.buf)
		switch err {
		case nil:
			return c.buf[:n], nil
		case unix.EINTR:
		case unix.EAGAIN:
			return nil, fmt.Errorf("the kernel has not answered within %d s", patience)
		default:
			return nil, err
		}
	}
}
