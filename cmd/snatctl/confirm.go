package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway"
)

func confirmCommand() *cobra.Command {
	var table, dir string
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "confirm",
		Short:       "keep what apply --confirm applied",
		Long: `Keep what ` + "`snatctl apply --confirm`" + ` applied in this network namespace. Any terminal will do: best
one that was opened since, for that proves that the gateway can still be reached.

Exit status: 0 kept, 1 nothing to confirm, 4 kept, but the history could not be written.`,
		Example: `  snatctl confirm
  snatctl confirm --table edge`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if table, err = tableName(table, files); err != nil {
				return err
			}
			return confirm(table)
		},
	}
	tableFlags(c, &table, &files)
	stateDirFlag(c, &dir)
	c.Flags().Lookup("state-dir").Usage = "for symmetry with apply: the apply that waits knows its own"
	return c
}

func confirm(table string) error {
	nothing := func(why string) error {
		return exit{exitRefused, fmt.Errorf("nothing to confirm: %s on table inet %s in this network namespace", why, table)}
	}
	c, err := callHolder(table)
	if errors.Is(err, unix.ECONNREFUSED) {
		return nothing("no apply waits")
	}
	if err != nil {
		return exit{exitRefused, fmt.Errorf("ask for table inet %s: %w", table, err)}
	}
	defer c.Close()
	switch _, err := c.greeting(longLook); {
	case errors.Is(err, errDenied):
		return exit{exitRefused, err}
	case err != nil:
		return nothing(fmt.Sprintf("process %d is at work and does not wait", c.pid))
	}
	answer, err := c.ask(wordConfirm)
	if err != nil {
		return exit{exitRefused, fmt.Errorf("process %d ended without an answer: %w (`snatctl history` tells what became of it)", c.pid, err)}
	}
	if answer == wordUnwritten {
		return exit{exitIncomplete, fmt.Errorf("table inet %s stays as it is, but the history could not be written, and boot would apply an older policy: make room for it and apply again (process %d says more)", table, c.pid)}
	}
	if answer != wordKept {
		return nothing("the time is up, and the apply is being taken back")
	}
	fmt.Fprintf(stdout, "confirmed: table inet %s stays as it is\n", table)
	return nil
}

// How long to wait for an apply to greet: one that is at work does not. Reports only glance.
const (
	longLook = 2 * time.Second
	glance   = 200 * time.Millisecond
)

// Words between an apply that waits and those who decide.
const (
	wordConfirm   = "confirm"
	wordRevert    = "revert"
	wordWaiting   = "waiting"
	wordKept      = "kept"
	wordUnwritten = "unwritten" // kept, and not in the history
	wordTooLate   = "too late"
)

// greeting is what an apply that awaits confirmation says to who calls.
type greeting struct {
	Left  float64 `json:"left_s"` // seconds until it reverts
	Error string  `json:"error,omitempty"`
}

// String says so in words, for behind the name of a process.
func (g greeting) String() string {
	left := max(time.Duration(g.Left*float64(time.Second)).Round(time.Second), 0)
	return fmt.Sprintf("it awaits confirmation for another %v (`snatctl confirm` keeps it)", left)
}

// call is a connection to the process that holds the lock of a table.
type call struct {
	net.Conn
	in      *bufio.Reader
	pid     int32
	trusted bool
}

// errDenied says that somebody else than the superuser or this user waits, or calls.
var errDenied = errors.New("not permitted: only the superuser, or who runs the apply, may decide")

// callHolder connects to who holds a lock; ECONNREFUSED if nobody does.
func callHolder(table string) (*call, error) {
	c, err := gateway.Call(table)
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

// tellAwaiting says on standard error that what stands in a table awaits confirmation, if so.
func tellAwaiting(table string) {
	c, err := callHolder(table)
	if err != nil {
		return
	}
	defer c.Close()
	if g, err := c.greeting(glance); err == nil {
		fmt.Fprintf(stderr, "table inet %s was applied by process %d for now, and %v\n", table, c.pid, g)
	}
}
