package health

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// pings numbers echo requests, so that an answer can be told from a late one.
var pings atomic.Uint32

// probeICMP sends an echo request and waits for its answer.
func probeICMP(ctx context.Context, p *probes, t Target) error {
	to := t.Addr().Addr()
	sock, err := p.ping(to, t.Check.Via)
	if err != nil {
		return err
	}
	defer sock.Close()
	stop := context.AfterFunc(ctx, func() { sock.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	n := pings.Add(1)
	echo := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(n >> 16), Seq: int(n & 0xffff), Data: []byte("snatctl health check")}}
	if to.Is6() {
		echo.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := echo.Marshal(nil) // the kernel computes ICMPv6's checksum
	if err != nil {
		return localError{err}
	}
	if _, err := sock.Write(b); err != nil {
		return err
	}
	for buf := make([]byte, 1500); ; {
		got, err := sock.Read(buf)
		if err != nil {
			return err
		}
		if answers(buf[:got], to, n) {
			return nil
		}
	}
}

// ping opens a socket for echo requests to an address: one that needs no privilege, if
// net.ipv4.ping_group_range lets us, else a raw one (icmp(7), raw(7)). It gets packets of that
// address only.
func (p *probes) ping(to netip.Addr, v Via) (*os.File, error) {
	family, addr := sockaddr(netip.AddrPortFrom(to, 0))
	proto := unix.IPPROTO_ICMP
	if to.Is6() {
		proto = unix.IPPROTO_ICMPV6
	}
	const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|flags, proto)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		fd, err = unix.Socket(family, unix.SOCK_RAW|flags, proto)
	}
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return nil, localError{errors.New("pings are not allowed (net.ipv4.ping_group_range, or CAP_NET_RAW)")}
	case err != nil:
		return nil, os.NewSyscallError("socket", err)
	}
	if err = prepare(fd, p.priority, v); err == nil {
		err = tellErrors(fd, to.Is6())
	}
	if err == nil {
		err = os.NewSyscallError("connect", unix.Connect(fd, addr))
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "ping"), nil
}

// answers tells whether a packet is the answer to echo request n. A socket for pings chooses
// the identifier by itself, so the last 16 bits count.
func answers(b []byte, to netip.Addr, n uint32) bool {
	proto, want := int(syscall.IPPROTO_ICMP), icmp.Type(ipv4.ICMPTypeEchoReply)
	if to.Is6() {
		proto, want = syscall.IPPROTO_ICMPV6, ipv6.ICMPTypeEchoReply
	} else if len(b) >= ipv4.HeaderLen && b[0]>>4 == 4 { // raw sockets get the header of IPv4; an echo reply begins with 0
		b = b[min(len(b), int(b[0]&15)*4):]
	}
	m, err := icmp.ParseMessage(proto, b)
	if err != nil || m.Type != want {
		return false
	}
	echo, ok := m.Body.(*icmp.Echo)
	return ok && echo.Seq == int(n&0xffff)
}
