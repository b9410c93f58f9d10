package integration

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/internal/nstest"
)

// agentRun is an agent, and where it lives: it may be ended and started again.
type agentRun struct {
	h      *nstest.Host
	file   string // its policy
	state  string
	socket string
	args   []string
	env    []string
	within []string // words before the program's: a command that runs it
	to     *os.File // its standard error; nil: log

	cmd   *exec.Cmd
	log   transcript
	begun int // bytes of log when cmd began
}

// logged returns the lines of an event, of all runs so far.
func (a *agentRun) logged(event string) (out []string) { return linesOf(a.log.String(), event) }

// linesOf are the lines of a log that tell an event.
func linesOf(log, event string) (out []string) {
	for line := range strings.Lines(log) {
		if strings.Contains(line, " msg="+event+" ") || strings.HasSuffix(line, " msg="+event+"\n") {
			out = append(out, line)
		}
	}
	return out
}

// newAgent makes a place for an agent of a policy.
func newAgent(t testing.TB, h *nstest.Host, policy string, args ...string) *agentRun {
	t.Helper()
	dir := t.TempDir()
	a := &agentRun{h: h, file: policyFile(t, policy), state: filepath.Join(dir, "state"), socket: filepath.Join(dir, "agent.sock"), args: args}
	t.Cleanup(func() {
		a.kill()
		if t.Failed() {
			t.Logf("the agent's log:\n%s", a.log.String())
		}
	})
	return a
}

// runAgent starts an agent, and returns once it has put its policy in force.
func runAgent(t testing.TB, h *nstest.Host, policy string, args ...string) *agentRun {
	t.Helper()
	a := newAgent(t, h, policy, args...)
	a.start(t)
	return a
}

func (a *agentRun) start(t testing.TB) {
	t.Helper()
	a.launch(t)
	for end := time.Now().Add(time.Minute); a.ask(t).Code != 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) || a.cmd.ProcessState != nil {
			t.Fatalf("the agent does not begin:\n%s", a.log.String())
		}
	}
}

// launch starts it, and does not wait.
func (a *agentRun) launch(t testing.TB) {
	t.Helper()
	words := slices.Concat(a.within, []string{program(t), "agent"}, a.source(), []string{"--state-dir", a.state, "--socket", a.socket}, a.args)
	a.begun = len(a.log.String())
	a.cmd = exec.Command(words[0], words[1:]...)
	a.cmd.Stdout, a.cmd.Stderr = &a.log, &a.log
	if a.to != nil {
		a.cmd.Stderr = a.to
	}
	a.cmd.Env = append(os.Environ(), a.env...)
	must(t, a.h.Do(a.cmd.Start))
}

// source are the flags that say where its policy is.
func (a *agentRun) source() []string {
	if a.file == "" {
		return nil // args say it
	}
	return []string{"-f", a.file}
}

// kill ends it as nothing can prevent.
func (a *agentRun) kill() {
	if a.cmd != nil && a.cmd.Process != nil && a.cmd.ProcessState == nil {
		_ = a.cmd.Process.Kill()
		_ = a.cmd.Wait()
	}
}

// ends asks it to end by a signal, and checks its exit status.
func (a *agentRun) ends(t testing.TB, by syscall.Signal, code int) {
	t.Helper()
	if by != 0 {
		must(t, a.cmd.Process.Signal(by))
	}
	_ = a.cmd.Wait()
	if got := a.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("the agent exits %d, want %d:\n%s", got, code, a.log.String())
	}
}

func (a *agentRun) ask(t testing.TB) nstest.Result {
	t.Helper()
	r := run(t, a.h, program(t), "agent", "status", "--format", "json", "--socket", a.socket)
	if r.Code == 1 && json.Valid([]byte(r.Stdout)) {
		r.Code = 0 // it answers
	}
	return r
}

func (a *agentRun) snapshot(t testing.TB) (s agent.Snapshot) {
	t.Helper()
	r := a.ask(t)
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		t.Fatalf("agent status: %v\n%s%s", err, r.Stdout, r.Stderr)
	}
	return s
}

// write replaces its policy, as editors do.
func (a *agentRun) write(t testing.TB, policy string) {
	t.Helper()
	beside := a.file + ".new"
	must(t, os.WriteFile(beside, []byte(strings.TrimPrefix(policy, "\n")), 0o644))
	must(t, os.Rename(beside, a.file))
}

// ctl runs a command about the agent's policy, with its state directory.
func (a *agentRun) ctl(t testing.TB, command string, args ...string) nstest.Result {
	t.Helper()
	return ctl(t, a.h, append([]string{command, "-f", a.file, "--state-dir", a.state}, args...)...)
}

// fits checks that the table is what a fresh apply of a policy makes.
func (a *agentRun) fits(t *testing.T, policy string) {
	t.Helper()
	eventually(t, "the table to fit", func() bool { return snatctl(t, a.h, policy, "diff").Code == 0 })
}

// An agent applies its policy, and again when it changes. A broken one changes nothing and is
// reported with its place, until it is mended.
func TestAgentFollowsFile(t *testing.T) {
	h := startGateway(t, "")
	a := runAgent(t, h, small)
	a.fits(t, small)
	a.write(t, changed)
	a.fits(t, changed)
	listing := exact(t, h)

	a.write(t, changed+"\n nonsense\n")
	eventually(t, "the policy to be refused", func() bool { return a.snapshot(t).Policy.Error != "" })
	s := a.snapshot(t)
	if len(s.Policy.Findings) != 1 || !strings.Contains(s.Policy.Findings[0], a.file+":") || s.Policy.Applied[agent.Refused] != 1 {
		t.Errorf("it is refused as %+v", s.Policy)
	}
	if r := run(t, h, program(t), "agent", "status"); r.Code != 1 || !strings.Contains(r.Stdout, "refused    invalid policy: 1 error since ") {
		t.Errorf("agent status exits %d:\n%s", r.Code, r.Stdout)
	}
	if exact(t, h) != listing {
		t.Error("an invalid policy changed the table")
	}
	a.write(t, small)
	a.fits(t, small)
	eventually(t, "it to say that all is well", func() bool {
		s := a.snapshot(t)
		return s.Policy.Error == "" && s.Policy.Findings == nil && s.Policy.ErrorSince.IsZero()
	})
	for _, event := range []string{"policy_applied", "policy_refused", "policy_finding"} {
		if len(a.logged(event)) == 0 {
			t.Errorf("no %s is logged", event)
		}
	}
	must(t, a.cmd.Process.Signal(syscall.SIGHUP))
	eventually(t, "SIGHUP to be heard", func() bool { return len(a.logged("policy_unchanged")) > 0 })
	a.ends(t, syscall.SIGTERM, 0)
	a.fits(t, small)
}

// Starting an agent on a table that fits changes nothing, not even the history, and ending it by any
// signal leaves the table.
func TestAgentAdopts(t *testing.T) {
	h := startGateway(t, "")
	a := newAgent(t, h, small)
	if r := a.ctl(t, "apply"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	before, history := exact(t, h), a.ctl(t, "history").Stdout
	for _, by := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		a.start(t)
		if exact(t, h) != before {
			t.Fatalf("it changed\n%s\ninto\n%s", before, exact(t, h))
		}
		must(t, a.cmd.Process.Signal(by))
		_ = a.cmd.Wait()
		if exact(t, h) != before {
			t.Fatalf("ended by %v it leaves\n%s", by, exact(t, h))
		}
	}
	if now := a.ctl(t, "history").Stdout; now != history {
		t.Errorf("the history was\n%s\nand is\n%s", history, now)
	}
}

// An agent that starts with a broken policy keeps the last good one, as a boot does; without one it
// ends, and changes nothing.
func TestAgentStartsBroken(t *testing.T) {
	h := startGateway(t, "")
	const broken = "version: 1\nzones: nonsense\n"
	a := newAgent(t, h, broken)
	a.launch(t)
	a.ends(t, 0, 1)
	if got := exact(t, h); got != "" {
		t.Errorf("it makes\n%s", got)
	}
	a.write(t, small)
	if r := a.ctl(t, "apply"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	a.write(t, broken)
	nft(t, h, "delete table inet snatctl")
	a.start(t)
	a.fits(t, small)
	if s := a.snapshot(t); !s.Policy.LastGood || s.Policy.Error == "" || len(s.Policy.Findings) != 1 || s.Policy.ErrorSince.IsZero() || len(a.logged("last_good_kept")) != 1 {
		t.Errorf("it does not say so: %+v", s.Policy)
	}
	nft(t, h, "flush chain inet snatctl zones")
	a.fits(t, small) // it repairs that, too
	a.write(t, changed)
	a.fits(t, changed)
	eventually(t, "it to say that all is well", func() bool { s := a.snapshot(t); return !s.Policy.LastGood && s.Policy.Error == "" })
}

// A service manager hears when the agent is ready, that it lives, when it reads its policy again and
// when it stops (sd_notify(3)).
func TestAgentNotifies(t *testing.T) {
	h := startGateway(t, "")
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: path})
	must(t, err)
	defer l.Close()
	a := newAgent(t, h, small)
	a.env = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=600000"}
	heard := make(chan string, 1000)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			heard <- string(b[:n])
		}
	}()
	hears := func(want string) {
		t.Helper()
		for end := time.After(time.Minute); ; {
			select {
			case s := <-heard:
				if strings.HasPrefix(s, want) {
					return
				}
			case <-end:
				t.Fatalf("nobody says %s", want)
			}
		}
	}
	a.start(t)
	hears("STATUS=table snatctl as ")
	hears("READY=1")
	for range 3 {
		hears("WATCHDOG=1")
	}
	must(t, a.cmd.Process.Signal(syscall.SIGHUP))
	hears("RELOADING=1\nMONOTONIC_USEC=")
	hears("READY=1")
	a.ends(t, syscall.SIGTERM, 0)
	hears("STOPPING=1")
}
