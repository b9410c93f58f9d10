package health

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// MaxAnswer is how many bytes of an answer are searched for what is expected.
const MaxAnswer = 64 << 10

// probeTCP connects, sends, and reads until the answer has what is expected. Plain connects
// are the caller's, where there is one.
func probeTCP(ctx context.Context, p *probes, t Target) error {
	conn, end, err := p.open(ctx, "tcp", t)
	if err != nil {
		return err
	}
	defer end()
	if t.Check.Send != "" {
		if _, err := io.WriteString(conn, t.Check.Send); err != nil {
			return err
		}
	}
	return expect(conn, t.Check.Expect)
}

// expect reads until it has found a text.
func expect(r io.Reader, want string) error {
	var got []byte
	for buf := make([]byte, 4096); !strings.Contains(string(got), want); {
		n, err := r.Read(buf)
		got = append(got, buf[:n]...)
		switch {
		case strings.Contains(string(got), want):
		case len(got) >= MaxAnswer:
			return fmt.Errorf("no %q in the first %d bytes", want, MaxAnswer)
		case err == io.EOF && len(got) == 0:
			return fmt.Errorf("connection closed before %q came", want)
		case err != nil && len(got) > 0:
			return lacks("answer", want, got)
		case err != nil:
			return err
		}
	}
	return nil
}

// lacks is the error of an answer without what was expected.
func lacks(what, want string, got []byte) error {
	return fmt.Errorf("%s lacks %q: %s", what, want, excerpt(string(got)))
}

// excerpt is the beginning of an answer, for a message of one line.
func excerpt(s string) string {
	const most = 40
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if line = strings.TrimSpace(line); len(line) > most {
		return fmt.Sprintf("%.*q…", most, line)
	}
	return fmt.Sprintf("%q", line)
}
