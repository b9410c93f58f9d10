package nstest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Ping sends one echo request and tells whether the reply came. Empty laddr: the host's own choice.
func (h *Host) Ping(ctx context.Context, laddr, raddr string) error {
	args := []string{"-n", "-q", "-c", "1", "-W", "1"}
	if laddr != "" {
		args = append(args, "-I", laddr)
	}
	r, err := h.Run(ctx, "ping", append(args, raddr)...)
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return fmt.Errorf("%w: ping %s: %s%s", ErrSilent, raddr, r.Stdout, r.Stderr)
	}
	return nil
}

// ICMPError is an ICMP error message as the sender of a datagram gets it.
type ICMPError struct {
	From       netip.Addr // the router or host that complains
	Type, Code uint8
}

// Types of ICMP errors, by family.
const (
	Unreachable4, TimeExceeded4 = 3, 11 // RFC 792
	Unreachable6, TimeExceeded6 = 1, 3  // RFC 4443
)

// Probe sends one UDP datagram with a TTL (hop limit) and returns the ICMP error that it
// draws, as traceroute does.
func (h *Host) Probe(laddr, raddr string, ttl int) (ICMPError, error) {
	c, err := h.Dial("udp", laddr, raddr)
	if err != nil {
		return ICMPError{}, err
	}
	defer c.Close()
	raw, err := c.(*net.UDPConn).SyscallConn()
	if err != nil {
		return ICMPError{}, err
	}
	v6 := netip.MustParseAddrPort(c.RemoteAddr().String()).Addr().Is6()
	var sock error
	raw.Control(func(fd uintptr) {
		if v6 {
			sock = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_RECVERR, 1), unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, ttl))
		} else {
			sock = errors.Join(unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_RECVERR, 1), unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TTL, ttl))
		}
	})
	if sock != nil {
		return ICMPError{}, sock
	}
	if _, err := c.Write([]byte("?\n")); err != nil {
		return ICMPError{}, err
	}
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		var found ICMPError
		var rerr error
		raw.Control(func(fd uintptr) { found, rerr = readErrQueue(int(fd)) })
		if rerr == nil {
			return found, nil
		}
		if !errors.Is(rerr, unix.EAGAIN) {
			return ICMPError{}, rerr
		}
	}
	return ICMPError{}, fmt.Errorf("%w: no ICMP error from %s", ErrSilent, raddr)
}

// readErrQueue takes one struct sock_extended_err off a socket (linux/errqueue.h: errno 4
// bytes, origin, type, code, pad, info 4, data 4, then the offender's sockaddr).
func readErrQueue(fd int) (ICMPError, error) {
	oob := make([]byte, 512)
	_, n, _, _, err := unix.Recvmsg(fd, make([]byte, 512), oob, unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	if err != nil {
		return ICMPError{}, err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return ICMPError{}, err
	}
	for _, m := range msgs {
		if len(m.Data) < 16+16 || m.Data[4] != unix.SO_EE_ORIGIN_ICMP && m.Data[4] != unix.SO_EE_ORIGIN_ICMP6 {
			continue
		}
		e := ICMPError{Type: m.Data[5], Code: m.Data[6]}
		sa := m.Data[16:]
		switch binary.NativeEndian.Uint16(sa) {
		case unix.AF_INET:
			e.From = netip.AddrFrom4([4]byte(sa[4:8]))
		case unix.AF_INET6:
			e.From = netip.AddrFrom16([16]byte(sa[8:24])).Unmap()
		}
		return e, nil
	}
	return ICMPError{}, fmt.Errorf("the socket's error came from no ICMP message")
}
