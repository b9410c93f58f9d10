// Package birdlink speaks with BIRD over its control socket, as birdc does: commands in, lines with codes of four digits
// out (BIRD's doc/reply_codes). It needs no birdc.
package birdlink

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// ErrAbsent says that BIRD listens on none of the sockets: it is not installed, or does not run. It reads its files
// when it starts, so nothing is lost.
var ErrAbsent = errors.New("BIRD does not run")

// RefusedError is BIRD's answer to what it does not do.
type RefusedError struct{ Reason string }

// Error is what BIRD says.
func (e *RefusedError) Error() string { return "BIRD says: " + e.Reason }

// Patience bounds how long BIRD may take for a whole conversation.
const Patience = 3 * time.Second

// Conn is a conversation with BIRD.
type Conn struct {
	c net.Conn
	r *bufio.Reader
}

// Dial calls the first of some sockets on which BIRD listens. The error is ErrAbsent if there is none.
func Dial(sockets []string) (*Conn, error) {
	for _, path := range sockets {
		c, err := net.DialTimeout("unix", path, Patience)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("call BIRD: %w", err)
		}
		b := &Conn{c, bufio.NewReader(c)}
		if err = c.SetDeadline(time.Now().Add(Patience)); err == nil {
			err = b.answer() // it greets
		}
		if err != nil {
			b.Close()
			return nil, fmt.Errorf("call BIRD at %s: %w", path, err)
		}
		return b, nil
	}
	return nil, fmt.Errorf("%w (no control socket %s)", ErrAbsent, strings.Join(sockets, ", "))
}

// Close ends the conversation.
func (b *Conn) Close() { _ = b.c.Close() }

// Check has BIRD read its configuration, and changes nothing. The error is a RefusedError where BIRD could not use it.
func (b *Conn) Check() error { return b.ask("configure check") }

// Configure has BIRD read its configuration, and use it. What a change does not concern goes on: sessions stay.
func (b *Conn) Configure() error { return b.ask("configure") }

// Has tells whether BIRD has a protocol whose name fits a pattern of the shell.
func (b *Conn) Has(pattern string) (bool, error) {
	err := b.ask(fmt.Sprintf("show protocols %q", pattern))
	if refused := (*RefusedError)(nil); errors.As(err, &refused) {
		return false, nil // 8003: no protocols match
	}
	return err == nil, err
}

func (b *Conn) ask(command string) error {
	_, err := b.c.Write([]byte(command + "\n"))
	if err == nil {
		err = b.answer()
	}
	switch refused := (*RefusedError)(nil); {
	case errors.As(err, &refused):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("BIRD does not answer to `%s` within %v", command, Patience)
	case err != nil:
		return fmt.Errorf("ask BIRD to `%s`: %w", command, err)
	}
	return nil
}

// mostLines bounds what is read of an answer that is none of BIRD's.
const mostLines = 10_000

// answer reads one answer. Its lines begin with a code: "0001-", and a blank behind the last one's. Codes from 8000
// are errors.
func (b *Conn) answer() error {
	for range mostLines {
		line, err := b.r.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\n")
		switch {
		case len(line) < 5 || line[0] < '0' || line[0] > '9' || line[4] != ' ': // there is more
		case line[0] >= '8':
			return &RefusedError{line[5:]}
		default:
			return nil
		}
	}
	return errors.New("the answer does not end")
}
