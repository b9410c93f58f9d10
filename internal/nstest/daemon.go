package nstest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Daemon is a program that runs in a host until somebody ends it, at the latest with the host. It dies with
// the test's own process, however that ends.
type Daemon struct {
	Log string // the file of what it prints

	what string
	cmd  *exec.Cmd
	gone chan struct{} // closed once it has ended
}

// Start runs a program in the host. What it prints on both of its outputs is added to the file log.
func (h *Host) Start(log string, argv ...string) (*Daemon, error) {
	out, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	d := &Daemon{Log: log, what: filepath.Base(argv[0]), cmd: exec.Command(argv[0], argv[1:]...), gone: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := h.Do(d.cmd.Start); err != nil {
		return nil, fmt.Errorf("%s: run %s: %w", h.Name, argv[0], err)
	}
	go func() {
		_ = d.cmd.Wait()
		close(d.gone)
	}()
	h.owns(d)
	return d, nil
}

// Pid is that of the program.
func (d *Daemon) Pid() int { return d.cmd.Process.Pid }

// Signal sends the program a signal: SIGSTOP has it hang, SIGCONT go on.
func (d *Daemon) Signal(s syscall.Signal) error { return d.cmd.Process.Signal(s) }

// Gone tells whether the program has ended.
func (d *Daemon) Gone() bool {
	select {
	case <-d.gone:
		return true
	default:
		return false
	}
}

// End asks the program to end in good order, and kills it if it does not within some seconds.
func (d *Daemon) End() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.gone:
		return nil
	case <-time.After(20 * time.Second):
		_ = d.Close()
		return fmt.Errorf("%s does not end when it is asked to", d.what)
	}
}

// Close ends the program as a power cut does, and waits until it has ended.
func (d *Daemon) Close() error {
	_ = d.cmd.Process.Kill() // has no effect on one that has ended
	<-d.gone
	return nil
}
