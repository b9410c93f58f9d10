package routelink

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/route"
)

// Conn is a socket to the kernel's routing (rtnetlink(7)). One goroutine at a time uses it.
type Conn struct {
	socket *nl.NetlinkSocket
	sh     *nl.SocketHandle
	handle *netlink.Handle // for what is asked one by one
	buf    []byte          // of the last batch, to be used again
}

// patience bounds how long one answer of the kernel may take.
const patience = 30 * time.Second

// receiveBuffer is enough for the errors of one whole batch.
const receiveBuffer = 4 << 20

// Open connects to the network namespace of the calling thread.
func Open() (*Conn, error) {
	s, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a socket to the kernel's routing: %w", err)
	}
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	err = errors.Join(s.SetSendTimeout(&limit), s.SetReceiveTimeout(&limit), s.SetExtAck(true))
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("prepare a socket to the kernel's routing: %w", err)
	}
	// Without these, dumps are not filtered by the kernel and errors may be lost: slower, and seen.
	_ = unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	_ = unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	_ = s.SetReceiveBufferSize(receiveBuffer, true)
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err == nil {
		err = handle.SetSocketTimeout(patience)
	}
	if err != nil {
		s.Close()
		return nil, fmt.Errorf("open a second socket to the kernel's routing: %w", err)
	}
	return &Conn{socket: s, sh: &nl.SocketHandle{Socket: s}, handle: handle}, nil
}

// Close closes the sockets.
func (c *Conn) Close() {
	c.socket.Close()
	c.handle.Close()
}

// dump calls f with every answer to a request, all of one reading. begin is called before each
// reading. A table that does not exist is an empty one.
func (c *Conn) dump(kind, answer uint16, header nl.NetlinkRequestData, begin func(), f func([]byte) error) error {
	// To find the text of an error the library skips the whole request, of which only the header comes
	// back (NETLINK_CAP_ACK), and panics. Errors of dumps need no text.
	if err := c.socket.SetExtAck(false); err != nil {
		return err
	}
	defer func() { _ = c.socket.SetExtAck(true) }()
	var err error
	for range attempts {
		begin()
		var bad error
		req := nl.NewNetlinkRequest(int(kind), unix.NLM_F_DUMP)
		req.AddData(header)
		req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: c.sh}
		err = req.ExecuteIter(unix.NETLINK_ROUTE, answer, func(m []byte) bool {
			bad = f(m)
			return bad == nil
		})
		if bad != nil {
			return bad
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil
	}
	return err
}

// batchSize is how many requests go to the kernel at once. It answers the failures of each, and
// the last one's success.
const batchSize = 256

// send sends steps, at most batchSize, and returns what became of each: nil where it was carried
// out.
func (c *Conn) send(p route.Plan, m uint32, at indexes) ([]error, error) {
	buf := c.buf[:0]
	first := c.sh.Seq + 1
	for i, o := range p {
		c.sh.Seq++
		buf = appendRequest(buf, o, m, at, c.sh.Seq, i == len(p)-1)
	}
	c.buf = buf
	if err := unix.Sendto(c.socket.GetFd(), buf, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("send to the kernel's routing: %w", err)
	}
	results := make([]error, len(p))
	for {
		msgs, _, err := c.socket.Receive()
		if err != nil {
			return nil, fmt.Errorf("receive from the kernel's routing: %w", err)
		}
		for _, m := range msgs {
			i := int(m.Header.Seq - first)
			if m.Header.Type != unix.NLMSG_ERROR || i < 0 || i >= len(p) || len(m.Data) < 4 {
				continue
			}
			if errno := int32(nl.NativeEndian().Uint32(m.Data)); errno != 0 {
				results[i] = withText(syscall.Errno(-errno), m)
			}
			if i == len(p)-1 {
				return results, nil
			}
		}
	}
}

// withText adds what the kernel says about an error (NLMSGERR_ATTR_MSG, linux/netlink.h).
func withText(err syscall.Errno, m syscall.NetlinkMessage) error {
	head := 4 + unix.SizeofNlMsghdr // the error, and the header of what failed
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 || len(m.Data) < head {
		return err
	}
	attrs, bad := nl.ParseRouteAttr(m.Data[head:])
	if bad != nil {
		return err
	}
	for _, a := range attrs {
		if a.Attr.Type == nl.NLMSGERR_ATTR_MSG {
			return fmt.Errorf("%w (%s)", err, unix.ByteSliceToString(a.Value))
		}
	}
	return err
}
