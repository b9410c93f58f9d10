package packages

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// machine is a root that systemd runs in, as a container with a network of its own.
type machine struct {
	t    *testing.T
	root string
	cmd  *exec.Cmd    // systemd-nspawn; nil: off
	said bytes.Buffer // on the console; to be read when it is off
	init string       // the process that is number 1 in there
}

var machines atomic.Int32

// boot starts a machine and waits until its systemd has done all that boot has to do.
func boot(t *testing.T, root string) *machine {
	t.Helper()
	m := &machine{t: t, root: root}
	m.on()
	t.Cleanup(m.kill)
	return m
}

func (m *machine) on() {
	m.t.Helper()
	name := fmt.Sprintf("snatctl-%d-%d", os.Getpid(), machines.Add(1))
	m.said.Reset()
	m.cmd = exec.Command("systemd-nspawn", "--quiet", "--boot", "--directory="+m.root, "--machine="+name, "--register=no", "--keep-unit",
		"--private-network", "--resolv-conf=off", "--timezone=off", "--link-journal=no")
	m.cmd.Stdout, m.cmd.Stderr = &m.said, &m.said
	must(m.t, m.cmd.Start())
	m.init = ""
	m.await("systemd runs in the root", func() bool {
		m.init = childNamed(m.cmd.Process.Pid, "systemd")
		return m.init != ""
	})
	m.await("the system bus is there", func() bool { _, err := m.try("systemctl", "show", "--property=Version"); return err == nil })
	m.await("boot has ended", func() bool {
		out, _ := m.try("systemctl", "is-system-running")
		return out == "running\n" || out == "degraded\n"
	})
}

// childNamed is the child of a process that runs a program of this name; empty: none does.
func childNamed(parent int, name string) string {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", parent))
	for _, pid := range strings.Fields(string(children)) {
		if comm, _ := os.ReadFile("/proc/" + pid + "/comm"); string(comm) == name+"\n" {
			return pid
		}
	}
	return ""
}

// off shuts a machine down. Its network goes with it, and so all that its kernel knew.
func (m *machine) off() {
	m.t.Helper()
	m.try("systemctl", "poweroff")
	done := make(chan error, 1)
	go func() { done <- m.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		m.cmd.Process.Kill()
		<-done
		m.t.Fatal("the machine does not go down")
	}
	m.cmd = nil
}

func (m *machine) reboot() { m.t.Helper(); m.off(); m.on() }

func (m *machine) kill() {
	if m.cmd == nil {
		return
	}
	if m.t.Failed() {
		out, _ := m.try("journalctl", "--no-pager", "-b", "-u", "snatctl*", "-n", "60")
		m.t.Logf("the journal of snatctl's units:\n%s", out)
	}
	m.off()
}

// try runs a program in the machine, and returns what it prints, also as an error.
func (m *machine) try(args ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"--target", m.init, "--all", "--root", "--wdns=/", "env", "-i",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/root", "LANG=C.UTF-8"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// run is try for what has to work.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	must(m.t, err)
	return out
}

// property is one of a unit's, as `systemctl show` names them.
func (m *machine) property(unit, name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.run("systemctl", "show", "--property="+name, "--value", unit))
}

// write makes a file in the machine.
func (m *machine) write(name, text string) {
	m.t.Helper()
	file := filepath.Join(m.root, name)
	must(m.t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(m.t, os.WriteFile(file, []byte(text), 0o644))
}

// put copies a file of this machine into it, and returns its path there.
func (m *machine) put(from string) string {
	m.t.Helper()
	text, err := os.ReadFile(from)
	must(m.t, err)
	to := "/var/tmp/" + filepath.Base(from)
	must(m.t, os.WriteFile(filepath.Join(m.root, to), text, 0o644))
	return to
}

// has says whether there is a file in the machine.
func (m *machine) has(name string) bool {
	_, err := os.Lstat(filepath.Join(m.root, name))
	return err == nil
}

// await waits until something is so. The machine has this one's two processors beside other tests.
func (m *machine) await(what string, so func() bool) {
	m.t.Helper()
	for end := time.Now().Add(2 * time.Minute); !so(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("two minutes have passed, and not: %s", what)
		}
	}
}

// table is snatctl's table with the handles of all that is in it: what is made anew has others. Counts are
// left out.
func (m *machine) table() string {
	m.t.Helper()
	return m.run("nft", "--handle", "--stateless", "list", "table", "inet", "snatctl")
}
