package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/gateway"
)

// An apply that awaits confirmation is two processes. The one in the foreground shows it and
// passes on what the operator does there: Enter, or an interrupt. The other, in a session of
// its own, applies, waits and reverts: it has no terminal to lose, and goes on if the
// foreground is gone. A lifeline connects the two, a word a line.
type lifeline struct {
	conn  net.Conn
	enter chan struct{} // the operator keeps what was applied
}

// onTrial is a policy that awaits confirmation, here or at an agent.
type onTrial interface {
	Left() time.Duration
	Confirm() gateway.Answer
	Done() <-chan struct{}
	Wait() error
}

// Words of the lifeline.
const (
	wordConfirm = "confirm"
	wordRevert  = "revert"
	wordWaiting = "waiting"
)

// keeperVar is set in the environment of the process that applies; keeperFD is its end.
const (
	keeperVar = "SNATCTL_KEEPER"
	keeperFD  = 3
)

// openLifeline returns the lifeline of this process, if it is the one that applies, and a
// context that ends when the foreground wants to revert. Without one, both are as before.
func openLifeline(ctx context.Context) (context.Context, *lifeline, error) {
	if os.Getenv(keeperVar) == "" {
		return ctx, nil, nil
	}
	os.Unsetenv(keeperVar)
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE) // what is printed may go nowhere
	f := os.NewFile(keeperFD, "lifeline")
	conn, err := net.FileConn(f)
	f.Close()
	if err != nil {
		return ctx, nil, fmt.Errorf("%s is for snatctl's own use: %w", keeperVar, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &lifeline{conn, make(chan struct{}, 1)}
	go l.listen(cancel)
	return ctx, l, nil
}

// listen takes the foreground's words. When it is gone nothing happens: time decides.
func (l *lifeline) listen(revert func()) {
	for in := bufio.NewScanner(l.conn); in.Scan(); {
		switch in.Text() {
		case wordConfirm:
			select {
			case l.enter <- struct{}{}:
			default: // once is enough
			}
		case wordRevert:
			revert()
		}
	}
}

// await waits while the trial goes on: it passes Enter on, and ends the process if the rest
// of it hangs when all is decided.
func (l *lifeline) await(t onTrial) {
	go func() {
		select {
		case <-l.enter:
			t.Confirm()
		case <-t.Done():
		}
	}()
	go func() {
		<-t.Done()
		time.Sleep(gateway.Hanging)
		var status exit
		errors.As(statusOf(t.Wait()), &status)
		os.Exit(status.code)
	}()
}

// wait tells the foreground that all that is left is to confirm, and returns what became of
// the trial.
func (l *lifeline) wait(t onTrial) error {
	if l.conn.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = fmt.Fprintf(l.conn, "%s %d\n", wordWaiting, max(0, int(t.Left().Seconds()+0.5))) // it may be gone
	}
	return t.Wait()
}

// foreground runs this very command again as the process that applies, and stays beside it.
func foreground(ctx context.Context) error {
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE, syscall.SIGTTIN, syscall.SIGTTOU)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return exit{exitRefused, fmt.Errorf("start the process that waits for confirmation: %w", err)}
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "lifeline"), os.NewFile(uintptr(pair[1]), "lifeline")
	defer ours.Close()
	keeper := exec.Command("/proc/self/exe")
	keeper.Args, keeper.Env = os.Args, append(os.Environ(), keeperVar+"=1")
	keeper.Stdin, keeper.Stdout, keeper.Stderr = os.Stdin, os.Stdout, os.Stderr
	keeper.ExtraFiles = []*os.File{theirs}
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = keeper.Start()
	theirs.Close()
	if err != nil {
		return exit{exitRefused, fmt.Errorf("start the process that waits for confirmation: %w", err)}
	}
	go func() {
		<-ctx.Done()
		fmt.Fprintln(ours, wordRevert)
	}()
	go prompt(ours)
	return outcome(keeper.Wait(), keeper.Process.Pid)
}

// prompt says how to keep what was applied, once it is, and waits for Enter. What was typed
// before that is no answer.
func prompt(line *os.File) {
	answer, err := bufio.NewReader(line).ReadString('\n')
	var seconds int
	if _, bad := fmt.Sscanf(answer, wordWaiting+" %d", &seconds); err != nil || bad != nil {
		return // it ended before
	}
	keys := isTerminal(os.Stdin)
	how := "run `snatctl confirm` to keep it"
	if keys {
		_ = unix.IoctlSetInt(int(os.Stdin.Fd()), unix.TCFLSH, unix.TCIFLUSH)
		how = "press Enter here to keep it, or run `snatctl confirm` in another session"
	}
	fmt.Fprintf(stderr, "applied for now, and taken back in %v: %s\n", time.Duration(seconds)*time.Second, how)
	if !keys {
		return
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if strings.TrimSpace(in.Text()) == "" {
			fmt.Fprintln(line, wordConfirm)
			return
		}
	}
}

// outcome ends the foreground as the process that applied ended.
func outcome(err error, pid int) error {
	var ended *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ended) && ended.Exited():
		return exit{code: ended.ExitCode()} // it has said why
	}
	return exit{exitIncomplete, fmt.Errorf("process %d, which should take the policy back, was killed (%w): what it applied STAYS IN FORCE; see `snatctl diff` and `snatctl history`, and go back with `snatctl rollback 0` or `snatctl flush`", pid, err)}
}
