package integration

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/nstest"
)

// terminal is a program on a pseudo-terminal, and the screen as a person sees it.
type terminal struct {
	t      testing.TB
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File // stays open, so that its modes can be asked for when the program has ended
	before unix.Termios
	read   chan struct{} // closed when all has been read
	vt     vt10x.Terminal
	raw    bytes.Buffer // all that the program wrote, once read is closed
}

// onTerminal starts a program on a host with a screen of some columns and rows.
func onTerminal(t testing.TB, h *nstest.Host, columns, rows int, name string, args ...string) *terminal {
	t.Helper()
	master, slave, err := pty.Open()
	must(t, err)
	must(t, pty.Setsize(master, &pty.Winsize{Rows: uint16(rows), Cols: uint16(columns)}))
	x := &terminal{t: t, master: master, slave: slave, read: make(chan struct{}), vt: vt10x.New(vt10x.WithSize(columns, rows)), cmd: exec.Command(name, args...)}
	x.before = x.modes()
	x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = slave, slave, slave
	x.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "LANG=C.UTF-8")
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, h.Do(x.cmd.Start))
	go x.follow()
	t.Cleanup(func() {
		if x.cmd.ProcessState == nil {
			x.cmd.Process.Kill()
			x.cmd.Wait()
		}
		slave.Close() // the last end that is open, so that reading ends
		<-x.read
		master.Close()
	})
	return x
}

func (x *terminal) follow() {
	defer close(x.read)
	buf := make([]byte, 1<<16)
	for {
		n, err := x.master.Read(buf)
		x.raw.Write(buf[:n])
		x.vt.Write(buf[:n])
		if err != nil {
			return // EIO: nobody has the other end open any more
		}
	}
}

func (x *terminal) modes() unix.Termios {
	m, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	must(x.t, err)
	return *m
}

// screen returns what is seen, without spaces at the ends of lines.
func (x *terminal) screen() string {
	var out []string
	for line := range strings.Lines(x.vt.String()) {
		out = append(out, strings.TrimRight(line, " \n"))
	}
	return strings.Join(out, "\n")
}

// line returns the first line of the screen that begins with a text, "" if none does.
func (x *terminal) line(begins string) string {
	for _, l := range strings.Split(x.screen(), "\n") {
		if strings.HasPrefix(l, begins) {
			return l
		}
	}
	return ""
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	_, err := x.master.WriteString(keys)
	must(x.t, err)
}

// shows waits until a text is on the screen.
func (x *terminal) shows(text string) {
	x.t.Helper()
	defer func() {
		if x.t.Failed() {
			x.t.Logf("the screen is\n%s", x.screen())
		}
	}()
	until(x.t, "the screen to show "+text, func() bool { return strings.Contains(x.screen(), text) })
}

// ends waits for the end of the program, and holds what it leaves against what it found: the
// modes of the terminal, its screen, the cursor.
func (x *terminal) ends(code int) {
	x.t.Helper()
	_ = x.cmd.Wait()
	if got := x.cmd.ProcessState.ExitCode(); got != code {
		x.t.Errorf("exit status %d, want %d: %s", got, code, x.screen())
	}
	if after := x.modes(); after != x.before {
		x.t.Errorf("modes of the terminal are %+v, were %+v", after, x.before)
	}
	x.slave.Close()
	<-x.read // all that it wrote
	for _, mode := range []struct{ set, unset string }{{"\x1b[?1049h", "\x1b[?1049l"}, {"\x1b[?25l", "\x1b[?25h"}} {
		set, unset := bytes.LastIndex(x.raw.Bytes(), []byte(mode.set)), bytes.LastIndex(x.raw.Bytes(), []byte(mode.unset))
		if set < 0 || unset < set {
			x.t.Errorf("mode %q is left on: last set at %d, unset at %d", mode.set, set, unset)
		}
	}
}
