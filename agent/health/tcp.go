package health

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
)

// MaxAnswer is how many bytes of an answer are searched for what is expected.
const MaxAnswer = 64 << 10

// probeTCP connects, sends, and reads until the answer has what is expected. Plain connects
// are the caller's, where there is one.
func probeTCP(ctx context.Context, p *probes, t Target) error {
	conn, err := p.dial(ctx, "tcp", t.Addr())
	if err != nil {
		return err
	}
	defer reset(conn)
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	if _, err := io.WriteString(conn, t.Check.Send); err != nil {
		return err
	}
	return expect(conn, t.Check.Expect)
}

// expect reads until it has found a text.
func expect(r io.Reader, want string) error {
	var got []byte
	for buf := make([]byte, 4096); !strings.Contains(string(got), want); {
		n, err := r.Read(buf)
		if got = append(got, buf[:n]...); strings.Contains(string(got), want) {
			return nil
		}
		switch {
		case len(got) >= MaxAnswer:
			return fmt.Errorf("no %q in the first %d bytes", want, MaxAnswer)
		case err == io.EOF && len(got) == 0:
			return fmt.Errorf("connection closed without %q", want)
		case err == io.EOF:
			return fmt.Errorf("answer lacks %q: %s", want, excerpt(got))
		case err != nil && len(got) > 0:
			return fmt.Errorf("answer lacks %q: %s", want, excerpt(got))
		case err != nil:
			return err
		}
	}
	return nil
}

// excerpt is the beginning of an answer, for a message of one line.
func excerpt(b []byte) string {
	const most = 40
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if line = strings.TrimSpace(line); len(line) > most {
		return fmt.Sprintf("%.*q…", most, line)
	}
	return fmt.Sprintf("%q", line)
}

// reset closes a connection by a reset, so that nothing of it stays in TIME_WAIT here.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
