package health

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// leftover is how long a command that has ended may leave its output open.
const leftover = 100 * time.Millisecond

// probeExec runs a command. It has an environment of its own, a process group of its own, and no
// standard input. When it has ended, or its time is up, the whole group is killed.
func probeExec(ctx context.Context, p *probes, t Target) error {
	if !p.allowExec {
		return localError{errors.New("commands are not allowed (--allow-exec)")}
	}
	if len(t.Check.Command) == 0 {
		return localError{errors.New("no command")}
	}
	said := &head{}
	cmd := exec.CommandContext(ctx, t.Check.Command[0], t.Check.Command[1:]...)
	cmd.Env = environment(t)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = leftover
	if err := cmd.Start(); err != nil {
		return localError{err}
	}
	err := cmd.Wait()
	killGroup(cmd.Process.Pid) // the kernel gives numbers in turn: it is not another group's so soon
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && ctx.Err() == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("command did not end in %s%s", t.Check.timeout(), said)
	case errors.As(err, &exit):
		return fmt.Errorf("%s%s", exit.ProcessState, said)
	}
	return localError{err}
}

func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }

// environment tells a command which server it is about.
func environment(t Target) []string {
	to := t.Addr()
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"SNATCTL_SERVICE=" + t.ID.Service,
		"SNATCTL_SERVER=" + t.ID.Server.String(),
		"SNATCTL_ADDRESS=" + to.Addr().String(),
		"SNATCTL_PORT=" + strconv.Itoa(int(to.Port())),
		"SNATCTL_PROTO=" + t.Proto.String(),
		"SNATCTL_TIMEOUT=" + strconv.FormatFloat(t.Check.timeout().Seconds(), 'f', -1, 64),
	}
}

// head keeps the beginning of what is written to it.
type head struct{ text []byte }

func (h *head) Write(b []byte) (int, error) {
	const most = 1024
	h.text = append(h.text, b[:min(len(b), most-len(h.text))]...)
	return len(b), nil
}

// String returns the first line, as an addition to a message.
func (h *head) String() string {
	if len(h.text) == 0 {
		return ""
	}
	return ": " + excerpt(string(h.text))
}
