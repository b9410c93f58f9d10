package gateway

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Confirm keeps what an apply has put on trial in this network namespace. It fails with an
// IncompleteError if that is not in the history.
func Confirm(table string) error {
	nothing := func(why string) error {
		return fmt.Errorf("nothing to confirm: %s on table inet %s in this network namespace", why, table)
	}
	c, err := callHolder(table)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nothing("no apply waits")
	}
	if err != nil {
		return fmt.Errorf("ask for table inet %s: %w", table, err)
	}
	defer c.Close()
	switch g, err := c.greeting(longLook); {
	case errors.Is(err, errDenied):
		return err
	case err != nil:
		return nothing(fmt.Sprintf("process %d is at work and does not wait for confirmation", c.pid))
	case g.Left <= 0 && g.Agent != "":
		return nothing(fmt.Sprintf("the agent (process %d) has no policy on trial", c.pid))
	}
	answer, err := c.ask(wordConfirm)
	if err != nil {
		return fmt.Errorf("process %d ended without an answer: %w (`snatctl history` says what happened)", c.pid, err)
	}
	switch Answer(answer) {
	case Kept:
		return nil
	case Unwritten:
		return incomplete("table inet %s stays as it is, but the history could not be written, and boot would apply an older policy: make room for it and apply again (process %d says more)", table, c.pid)
	}
	return nothing("the time is up, and the apply is being taken back")
}

// Holder is who holds a table. The zero value is nobody, or somebody who cannot be told.
type Holder struct {
	PID   int32
	Agent string        // where an agent takes requests; empty: it is none
	Waits bool          // for confirmation
	Left  time.Duration // until it reverts
}

// WhoHolds tells who holds a table in this network namespace.
func WhoHolds(table string) Holder {
	c, err := callHolder(table)
	if err != nil {
		return Holder{}
	}
	defer c.Close()
	h := Holder{PID: c.pid}
	if g, err := c.greeting(glance); err == nil {
		h.Agent, h.Left = g.Agent, time.Duration(g.Left*float64(time.Second))
		h.Waits = g.Agent == "" || h.Left > 0
	}
	return h
}

// String says so in words, to follow the name of the table: " (process 7), and it awaits
// confirmation for another 2m0s (`snatctl confirm` keeps it)".
func (h Holder) String() string {
	switch {
	case h.PID == 0:
		return ""
	case h.Waits:
		return fmt.Sprintf(" (process %d), and %s", h.PID, h.Waiting())
	}
	return fmt.Sprintf(" (process %d)", h.PID)
}

// Waiting says for how long it waits.
func (h Holder) Waiting() string {
	return fmt.Sprintf("it awaits confirmation for another %v (`snatctl confirm` keeps it)", max(h.Left.Round(time.Second), 0))
}

// How long to wait for an apply to greet: one that is at work does not. Reports only glance.
const (
	longLook = 2 * time.Second
	glance   = 500 * time.Millisecond
)

// call is a connection to the process that holds the lock of a table.
type call struct {
	net.Conn
	in      *bufio.Reader
	pid     int32
	trusted bool
}

// errDenied says that somebody else than the superuser or this user waits, or calls.
var errDenied = errors.New("not permitted: only root, or the user who runs the apply, may decide")

// callHolder connects to who holds a lock; ECONNREFUSED if nobody does.
func callHolder(table string) (*call, error) {
	c, err := Call(table)
	if err != nil {
		return nil, err
	}
	cred, err := peer(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &call{c, bufio.NewReader(c), cred.Pid, trusted(cred)}, nil
}

// peer tells who is at the other end (unix(7), SO_PEERCRED).
func peer(c *net.UnixConn) (cred *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	if e := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil {
		return nil, e
	}
	return cred, err
}

// trusted tells whether a peer may decide, or may be believed.
func trusted(cred *unix.Ucred) bool { return cred.Uid == 0 || int(cred.Uid) == os.Geteuid() }

// greeting waits for the other end to say that it awaits confirmation. Who is at work says
// nothing.
func (c *call) greeting(limit time.Duration) (g greeting, err error) {
	if !c.trusted {
		return g, errDenied
	}
	if err := c.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return g, err
	}
	line, err := c.in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &g)
	}
	if err == nil && g.Error != "" {
		err = errDenied
	}
	return g, err
}

// ask says a word and returns the answer. What is decided may have to be written down first.
func (c *call) ask(word string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, word); err != nil {
		return "", err
	}
	line, err := c.in.ReadString('\n')
	return strings.TrimSpace(line), err
}
