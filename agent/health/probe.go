package health

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// prober checks a target once. It returns nil if the target passes, and never later than soon
// after its context has ended.
type prober func(context.Context, *probes, Target) error

// probers has a prober for each type of check.
var probers = map[string]prober{TCP: probeTCP}

// probes is what probers share.
type probes struct {
	dial      func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error)
	priority  uint32
	allowExec bool
}

func newProbes(opt Options) *probes {
	p := &probes{dial: opt.Dial, priority: opt.Priority, allowExec: opt.AllowExec}
	if p.dial == nil {
		d := &net.Dialer{Control: p.control, FallbackDelay: -1, KeepAlive: -1}
		p.dial = func(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, network, to.String())
		}
	}
	return p
}

// run checks a target once, within its timeout.
func (p *probes) run(ctx context.Context, t Target) result {
	timeout := t.Check.timeout()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	probe := probers[t.Check.Type]
	if probe == nil {
		return judge(localError{fmt.Errorf("no check of type %q", t.Check.Type)}, timeout)
	}
	return judge(probe(ctx, p, t), timeout)
}

// control prepares the socket of a check.
func (p *probes) control(network, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) { err = mark(int(fd), p.priority) }); e != nil {
		return e
	}
	return err
}

// mark gives all packets of a socket a priority.
func mark(fd int, priority uint32) error {
	if priority == 0 {
		return nil
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, int(priority)); err != nil {
		return localError{os.NewSyscallError("SO_PRIORITY", err)}
	}
	return nil
}
