package health

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prober checks a target once. It returns nil if the target passes, and never later than soon
// after its context has ended.
type prober func(context.Context, *probes, Target) error

// probers has a prober for each type of check.
var probers = map[string]prober{
	TCP: probeTCP, HTTP: probeHTTP, HTTPS: probeHTTP, DNS: probeDNS, UDP: probeUDP,
	ICMP: probeICMP, SMTP: probeSMTP, Exec: probeExec,
}

// probes is what probers share.
type probes struct {
	dial      func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	priority  uint32
	allowExec bool
	roots     roots
}

func newProbes(opt Options) *probes {
	p := &probes{dial: opt.Dial, priority: opt.Priority, allowExec: opt.AllowExec}
	if p.dial == nil {
		d := &net.Dialer{ControlContext: p.control, FallbackDelay: -1, KeepAlive: -1}
		p.dial = func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, network, to.String())
		}
	}
	return p
}

// run checks a target once, within its timeout.
func (p *probes) run(ctx context.Context, t Target) result {
	ctx, cancel := context.WithTimeout(ctx, t.Check.timeout())
	defer cancel()
	probe := probers[t.Check.Type]
	if probe == nil {
		return judge(localError{fmt.Errorf("no check of type %q", t.Check.Type)}, t.Check)
	}
	return judge(probe(ctx, p, t), t.Check)
}

// open connects to a target. Whatever waits for the connection ends with the context, by
// os.ErrDeadlineExceeded. The caller calls end.
func (p *probes) open(ctx context.Context, network string, t Target) (conn net.Conn, end func(), err error) {
	if conn, err = p.dial(t.Check.Via.by(ctx), network, t.Addr()); err != nil {
		return nil, nil, dialError{err}
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() { stop(); reset(conn) }, nil
}

// reset closes a connection by a reset, so that nothing of it stays in TIME_WAIT here.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}

// control prepares the socket of a check.
func (p *probes) control(ctx context.Context, network, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		v, _ := ctx.Value(wayKey{}).(Via)
		if err = prepare(int(fd), p.priority, v); err == nil && strings.HasPrefix(network, "udp") {
			err = tellErrors(int(fd), network == "udp6")
		}
	}); e != nil {
		return e
	}
	return err
}

// tellErrors makes a socket report what routers say, such as host unreachable. A connected UDP
// socket by itself reports no more than port unreachable (ip(7), IP_RECVERR).
func tellErrors(fd int, ip6 bool) error {
	if ip6 {
		return os.NewSyscallError("IPV6_RECVERR", unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR, 1))
	}
	return os.NewSyscallError("IP_RECVERR", unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR, 1))
}

// mark gives all packets of a socket a priority. Who may not do that (socket(7): beyond 6 it takes
// CAP_NET_ADMIN) has no table whose services checks could meet.
func mark(fd int, priority uint32) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, int(priority)); err != nil && err != unix.EPERM {
		return localError{os.NewSyscallError("SO_PRIORITY", err)}
	}
	return nil
}
