package nstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Answer is what a client learns about the far end of a connection.
type Answer struct {
	Host string         // who answered
	Peer netip.AddrPort // the client as that host saw it
}

// Errors by which a test tells how a packet was refused.
var (
	// ErrRefused: a TCP reset, or ICMP port unreachable, came back.
	ErrRefused = errors.New("refused")
	// ErrSilent: nothing came back.
	ErrSilent = errors.New("no answer")
)

// How long a client waits.
const (
	Patience = 3 * time.Second        // for an answer that should come, on a busy machine too
	Silence  = 600 * time.Millisecond // for one that should not; TCP's first retransmission takes 1 s
)

// Dial connects to raddr, from laddr where that is not empty ("10.1.200.7", or with a port).
// Network is tcp or udp.
func (h *Host) Dial(network, laddr, raddr string) (net.Conn, error) {
	return h.DialWithin(Patience, network, laddr, raddr)
}

// DialWithin is Dial with a limit of its own.
func (h *Host) DialWithin(limit time.Duration, network, laddr, raddr string) (net.Conn, error) {
	d := net.Dialer{Timeout: limit}
	if laddr != "" {
		from, err := parseLocal(laddr)
		if err != nil {
			return nil, err
		}
		if network == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(from)
		} else {
			d.LocalAddr = net.UDPAddrFromAddrPort(from)
			d.Control = reusePort
		}
	}
	return h.dialBy(d, network, raddr)
}

// DialFast connects by TCP as soon as data is written, which goes with the SYN if the kernel has a cookie of the server
// (tcp(7), TCP_FASTOPEN_CONNECT).
func (h *Host) DialFast(raddr string) (net.Conn, error) {
	return h.dialBy(net.Dialer{Timeout: Patience, Control: fastOpen}, "tcp", raddr)
}

func (h *Host) dialBy(d net.Dialer, network, raddr string) (c net.Conn, err error) {
	err = h.Do(func() (err error) {
		c, err = d.Dial(network, raddr)
		return err
	})
	return c, classify(err)
}

func fastOpen(_, _ string, c syscall.RawConn) error {
	return setOption(c, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
}

// reusePort lets sockets that are connected to different servers have one port, which the
// kernel otherwise refuses while the one before is still being closed.
func reusePort(_, _ string, c syscall.RawConn) error {
	return setOption(c, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
}

// setOption sets an option of a socket (setsockopt(2)).
func setOption(c syscall.RawConn, level, option, value int) error {
	var err error
	back := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, value) })
	return errors.Join(back, err)
}

func parseLocal(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	return netip.ParseAddrPort(s)
}

// Ask connects to raddr, reads the one line that servers of this package answer with, and
// hangs up.
func (h *Host) Ask(network, laddr, raddr string) (Answer, error) {
	c, err := h.Dial(network, laddr, raddr)
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	return AskOn(c)
}

// AskOn reads a server's line from an open connection; over UDP it sends a datagram first.
func AskOn(c net.Conn) (Answer, error) { return AskWithin(Patience, c) }

// AskWithin is AskOn with a limit of its own.
func AskWithin(limit time.Duration, c net.Conn) (Answer, error) {
	c.SetDeadline(time.Now().Add(limit))
	if _, udp := c.(*net.UDPConn); udp {
		if _, err := c.Write([]byte("?\n")); err != nil {
			return Answer{}, classify(err)
		}
	}
	// Byte by byte: what follows the line belongs to the connection's next reader.
	var line []byte
	buf := make([]byte, 1)
	if _, udp := c.(*net.UDPConn); udp {
		buf = make([]byte, 2048)
	}
	for len(line) == 0 || line[len(line)-1] != '\n' {
		n, err := c.Read(buf)
		if err != nil {
			return Answer{}, classify(err)
		}
		line = append(line, buf[:n]...)
	}
	return parseAnswer(string(line))
}

func parseAnswer(line string) (Answer, error) {
	name, peer, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	p, err := netip.ParseAddrPort(peer)
	if !ok || err != nil {
		return Answer{}, fmt.Errorf("answer %q is not from a server of this package", line)
	}
	return Answer{name, p}, nil
}

// classify wraps the errors that tests tell apart.
func classify(err error) error {
	var ne net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.As(err, &ne) && ne.Timeout():
		return fmt.Errorf("%w: %w", ErrSilent, err)
	}
	return err
}
