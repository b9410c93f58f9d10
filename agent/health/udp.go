package health

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
)

// maxDatagram is how many bytes of a datagram are looked at.
const maxDatagram = 4096

var errUnreachable = errors.New("port unreachable")

// probeUDP sends a datagram and waits. Without a text to expect silence is as good as any
// answer; only an ICMP error tells that nobody is there.
func probeUDP(ctx context.Context, p *probes, t Target) error {
	conn, end, err := p.open(ctx, "udp", t)
	if err != nil {
		return err
	}
	defer end()
	if _, err := io.WriteString(conn, t.Check.Send); err != nil {
		return datagramError(err)
	}
	var got []byte
	for buf := make([]byte, maxDatagram); ; {
		n, err := conn.Read(buf)
		switch {
		case err == nil && strings.Contains(string(buf[:n]), t.Check.Expect):
			return nil
		case err == nil:
			got = append(got[:0], buf[:n]...)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return datagramError(err)
		case t.Check.Expect == "" && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return nil
		case got != nil:
			return lacks("answer", t.Check.Expect, got)
		default:
			return err
		}
	}
}

// datagramError names what a connected UDP socket reports of an ICMP error (ip(7), udp(7)).
func datagramError(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return errUnreachable
	}
	return err
}
