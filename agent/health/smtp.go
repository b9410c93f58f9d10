package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
)

// probeSMTP waits for the greeting, says EHLO (HELO, if the server does not know it) and leaves.
func probeSMTP(ctx context.Context, p *probes, t Target) error {
	conn, end, err := p.open(ctx, "tcp", t)
	if err != nil {
		return err
	}
	defer end()
	c, err := smtp.NewClient(conn, t.Addr().Addr().String())
	if err != nil {
		return refusal("greeting", err)
	}
	name := t.Check.Host
	if name == "" {
		name = literal(conn.LocalAddr())
	}
	if err := c.Hello(name); err != nil {
		return refusal("EHLO", err)
	}
	c.Quit() // in peace if it can be: the check has passed
	return nil
}

// literal is an address as a host without a name says it (RFC 5321, 4.1.3).
func literal(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	switch {
	case err != nil:
		return "localhost"
	case at.Addr().Is4():
		return "[" + at.Addr().String() + "]"
	}
	return "[IPv6:" + at.Addr().WithZone("").String() + "]"
}

// refusal names what a server answered to a step.
func refusal(step string, err error) error {
	if e, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("SMTP %s: %d %s", step, e.Code, strings.Trim(excerpt(e.Msg), `"`))
	}
	if e, ok := errors.AsType[textproto.ProtocolError](err); ok {
		_, said, _ := strings.Cut(e.Error(), ": ")
		if line, err := strconv.Unquote(said); err == nil {
			said = line
		}
		return fmt.Errorf("answer is no SMTP: %s", excerpt(said))
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("connection closed at the SMTP %s", step)
	}
	return err
}
