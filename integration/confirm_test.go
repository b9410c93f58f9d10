package integration

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/snatctl/snatctl/internal/nstest"
)

// trial is an `apply --confirm` that runs, and what it has printed so far.
type trial struct {
	cmd  *exec.Cmd
	tty  *os.File // its terminal, seen from outside; nil without
	text transcript
}

func (p *trial) printed() string { return p.text.String() }

// begin starts an apply that awaits confirmation, on a terminal or without, and returns once it
// does.
func begin(t *testing.T, h *nstest.Host, terminal bool, policy, limit string, args ...string) *trial {
	t.Helper()
	return beginIn(t, h, terminal, policyFile(t, policy), limit, args...)
}

// beginIn does the same with a file.
func beginIn(t *testing.T, h *nstest.Host, terminal bool, file, limit string, args ...string) *trial {
	t.Helper()
	p := &trial{cmd: exec.Command(program(t), append([]string{"apply", "-f", file, "--confirm", limit}, args...)...)}
	if terminal {
		master, slave, err := pty.Open()
		must(t, err)
		defer slave.Close()
		t.Cleanup(func() { master.Close() })
		p.tty = master
		p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	} else {
		p.cmd.Stdout, p.cmd.Stderr = &p.text, &p.text
		p.cmd.WaitDelay = time.Minute
	}
	must(t, h.Do(p.cmd.Start))
	if terminal {
		go io.Copy(&p.text, p.tty)
	}
	eventually(t, "apply to await confirmation", func() bool { return strings.Contains(p.printed(), "applied for now") })
	return p
}

// ends waits for it to end, with an exit status.
func (p *trial) ends(t *testing.T, code int) {
	t.Helper()
	_ = p.cmd.Wait()
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Fatalf("apply exits %d, want %d:\n%s", got, code, p.printed())
	}
}

// eventually waits for something to come true; that it takes long is no failure.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// exact lists all rulesets in the order in which they stand.
func exact(t *testing.T, h *nstest.Host) string {
	t.Helper()
	return output(t, h, "nft", "-s", "list", "ruleset")
}

// Without confirmation everything is as it was, whatever that was.
func TestConfirmTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, policy, script, meanwhile string }{
		{"no table", "", "", ""},
		{"no table, and flushed meanwhile", "", "", "flush ruleset"},
		{"its own table", small, "", ""},
		{"its own table, and foreign changes meanwhile", small, "", "add rule inet snatctl postrouting drop; add table inet other"},
		{"its own table, and deleted meanwhile", small, "", "delete table inet snatctl"},
		{"changed by hand", small, `add set inet snatctl mine { type ipv4_addr; flags timeout; elements = { 10.9.9.9 timeout 1h comment "mine" }; }
			add rule inet snatctl zones ip saddr @mine tcp dport { 22, 80 } counter drop comment "mine"
			insert rule inet snatctl postrouting tcp flags syn tcp option maxseg size set rt mtu
			delete element inet snatctl zones4 { 10.1.0.0/16 }`, ""},
		{"somebody else's", "", `table inet snatctl { counter c { }; chain mine { type filter hook forward priority 5; policy drop; counter name "c" accept; }; }`, ""},
		{"dormant", small, "add table inet snatctl { flags dormant; }", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := startGateway(t, c.policy)
			if c.script != "" {
				nft(t, h, c.script)
			}
			before := exact(t, h)
			p := begin(t, h, false, changed, "2s", "--state-dir", t.TempDir())
			if exact(t, h) == before {
				t.Error("nothing was applied")
			}
			want := before
			if c.meanwhile != "" {
				nft(t, h, c.meanwhile)
			}
			p.ends(t, 5)
			if strings.Contains(c.meanwhile, "other") {
				want += "table inet other {\n}\n"
			}
			if after := exact(t, h); sortTables(after) != sortTables(want) {
				t.Errorf("taken back it is\n%s\nwant\n%s", after, want)
			}
			if v, err := h.ReadSysctl("net/ipv4/ip_forward"); err != nil || (v == "1") != (c.policy != "") {
				t.Errorf("forwarding is %s, %v", v, err)
			}
			if !strings.Contains(p.printed(), "nobody confirmed within 2s: taken back") {
				t.Errorf("it says\n%s", p.printed())
			}
		})
	}
}

// sortTables puts a foreign table of one line last.
func sortTables(listing string) string {
	const other = "table inet other {\n}\n"
	if strings.Contains(listing, other) {
		return strings.Replace(listing, other, "", 1) + other
	}
	return listing
}

var process = regexp.MustCompile(`\(process (\d+)\)`)

// Another session confirms. Until then the lock is held, and reports tell.
func TestConfirm(t *testing.T) {
	h := startGateway(t, "")
	dir := t.TempDir()
	if r := ctl(t, h, "confirm"); r.Code != 1 || !strings.Contains(r.Stderr, "nothing to confirm") {
		t.Errorf("confirm without an apply exits %d: %s", r.Code, r.Stderr)
	}
	apply(t, h, small)
	p := begin(t, h, false, changed, "10m", "--state-dir", dir)
	r := snatctl(t, h, small, "apply", "--state-dir", dir)
	m := process.FindStringSubmatch(r.Stderr)
	if r.Code != 6 || m == nil || !strings.Contains(r.Stderr, "awaits confirmation") {
		t.Fatalf("a second apply exits %d: %s", r.Code, r.Stderr)
	}
	if line, err := os.ReadFile("/proc/" + m[1] + "/cmdline"); err != nil || !strings.Contains(string(line), "--confirm") {
		t.Errorf("the holder that it names is %q, %v", line, err)
	}
	for command, code := range map[string]int{"diff": 0, "status": 0, "flush": 6} {
		if r := snatctl(t, h, changed, command); r.Code != code || !strings.Contains(r.Stderr, "awaits confirmation for another ") {
			t.Errorf("%s exits %d and does not tell that an apply waits: %s", command, r.Code, r.Stderr)
		}
	}
	if states := history(t, h, dir); states != "unconfirmed" {
		t.Errorf("the history is %s", states)
	}
	if r := ctl(t, h, "confirm", "--table", "other"); r.Code != 1 {
		t.Errorf("confirm of another table exits %d", r.Code)
	}
	if r := ctl(t, h, "confirm"); r.Code != 0 || !strings.Contains(r.Stdout, "confirmed") {
		t.Errorf("confirm exits %d: %s", r.Code, r.Stderr)
	}
	p.ends(t, 0)
	wantDiff(t, h, changed, 0)
	if states := history(t, h, dir); states != "applied" {
		t.Errorf("the history is %s", states)
	}
	if r := ctl(t, h, "confirm"); r.Code != 1 {
		t.Errorf("confirm once more exits %d", r.Code)
	}
}

// history returns the states of the entries, the newest first.
func history(t *testing.T, h *nstest.Host, dir string) string {
	t.Helper()
	out := prints(t, h, "history", "--state-dir", dir)
	var states []string
	for line := range strings.Lines(out) {
		if w := strings.Fields(line); len(w) > 4 && w[0] != "N" {
			states = append(states, w[4])
		}
	}
	return strings.Join(states, " ")
}

// Enter on the terminal confirms, and nothing else that is typed.
func TestConfirmByEnter(t *testing.T) {
	h := startGateway(t, "")
	p := begin(t, h, true, small, "10m", "--state-dir", t.TempDir())
	if !strings.Contains(p.printed(), "press Enter here") {
		t.Errorf("the terminal reads\n%s", p.printed())
	}
	fmt.Fprint(p.tty, "no\n\n")
	p.ends(t, 0)
	wantDiff(t, h, small, 0)
}

// An interrupt takes back at once, from the terminal or by a signal to either process.
func TestConfirmInterrupted(t *testing.T) {
	t.Parallel()
	for name, interrupt := range map[string]func(t *testing.T, p *trial){
		"^C":      func(t *testing.T, p *trial) { fmt.Fprint(p.tty, "\x03") },
		"SIGINT":  func(t *testing.T, p *trial) { must(t, p.cmd.Process.Signal(syscall.SIGINT)) },
		"SIGTERM": func(t *testing.T, p *trial) { must(t, p.cmd.Process.Signal(syscall.SIGTERM)) },
		"SIGTERM to the keeper": func(t *testing.T, p *trial) {
			must(t, syscall.Kill(keeperOf(t, p), syscall.SIGTERM))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := startGateway(t, small)
			before, dir := exact(t, h), t.TempDir()
			p := begin(t, h, name == "^C", changed, "10m", "--state-dir", dir)
			interrupt(t, p)
			p.ends(t, 5)
			if after := exact(t, h); after != before {
				t.Errorf("taken back it is\n%s\nwant\n%s", after, before)
			}
			if states := history(t, h, dir); states != "reverted" {
				t.Errorf("the history is %s", states)
			}
		})
	}
}

// keeperOf returns the process that applied and waits.
func keeperOf(t *testing.T, p *trial) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.cmd.Process.Pid))
	must(t, err)
	var pid int
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		// the thread that started it need not be the first
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
		for _, f := range tasks {
			if b, err := os.ReadFile(f); err == nil && len(b) > 0 {
				fmt.Sscan(string(b), &pid)
			}
		}
	}
	if pid == 0 {
		t.Fatal("there is no second process")
	}
	return pid
}

// Whatever happens to the session of the operator, the time goes on, and confirm works.
func TestConfirmSurvives(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, p *trial){
		"SIGHUP":              func(t *testing.T, p *trial) { must(t, p.cmd.Process.Signal(syscall.SIGHUP)) },
		"terminal closed":     func(t *testing.T, p *trial) { must(t, p.tty.Close()) },
		"foreground killed":   func(t *testing.T, p *trial) { must(t, p.cmd.Process.Kill()) },
		"foreground stopped":  func(t *testing.T, p *trial) { must(t, p.cmd.Process.Signal(syscall.SIGSTOP)) },
		"SIGHUP to the other": func(t *testing.T, p *trial) { must(t, syscall.Kill(keeperOf(t, p), syscall.SIGHUP)) },
	} {
		for _, confirmed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, confirmed %v", name, confirmed), func(t *testing.T) {
				h := startGateway(t, small)
				before, dir := exact(t, h), t.TempDir()
				limit := map[bool]string{true: "10m", false: "3s"}[confirmed]
				p := begin(t, h, true, changed, limit, "--state-dir", dir)
				t.Cleanup(func() { p.cmd.Process.Kill(); p.cmd.Wait() })
				lose(t, p)
				if confirmed {
					if r := ctl(t, h, "confirm"); r.Code != 0 {
						t.Fatalf("confirm exits %d: %s", r.Code, r.Stderr)
					}
					wantDiff(t, h, changed, 0)
					eventually(t, "the history to say so", func() bool { return history(t, h, dir) == "applied" })
					return
				}
				eventually(t, "the table to be as it was", func() bool { return exact(t, h) == before })
				eventually(t, "the history to say so", func() bool { return history(t, h, dir) == "reverted" })
			})
		}
	}
}

// Killing the one process that could revert is told by the other, and does not pass for good.
func TestConfirmKeeperKilled(t *testing.T) {
	h := startGateway(t, "")
	dir := t.TempDir()
	apply(t, h, small, "--state-dir", dir)
	before := list(t, h)
	p := begin(t, h, false, changed, "10m", "--state-dir", dir)
	must(t, syscall.Kill(keeperOf(t, p), syscall.SIGKILL))
	p.ends(t, 4)
	if !strings.Contains(p.printed(), "STAYS IN FORCE") {
		t.Errorf("it says\n%s", p.printed())
	}
	if r := ctl(t, h, "rollback", "0", "--state-dir", dir); r.Code != 0 {
		t.Errorf("rollback 0 exits %d: %s", r.Code, r.Stderr)
	}
	if after := list(t, h); sortObjects(after) != sortObjects(before) {
		t.Errorf("rollback 0 leaves\n%s\nwant\n%s", after, before)
	}
}

// What is no table to come back to is refused before anything happens.
func TestConfirmRefused(t *testing.T) {
	h := startGateway(t, "")
	for _, limit := range []string{"0s", "-5s", "10ms", "soon", "120"} {
		if r := snatctl(t, h, small, "apply", "--confirm", limit); r.Code != 2 {
			t.Errorf("--confirm %s exits %d: %s", limit, r.Code, r.Stderr)
		}
	}
	if r := snatctl(t, h, "version: 1\nzonse: []\n", "apply", "--confirm", "5s"); r.Code != 1 {
		t.Errorf("an invalid policy exits %d: %s", r.Code, r.Stderr)
	}
	if after := list(t, h); after != "" {
		t.Errorf("there is a table\n%s", after)
	}
	apply(t, h, small)
	if r := snatctl(t, h, small, "apply", "--confirm", "10m"); r.Code != 0 {
		t.Errorf("a policy that is in force exits %d: %s", r.Code, r.Stderr)
	}
}

// Connections that contradict the table that is back end, those that it allows go on.
func TestConfirmFlows(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("no-cleanup %v", keep), func(t *testing.T) {
			s := newSite(t, nstest.Options{})
			policy := func(laddr string) string {
				return "version: 1\ngateway: {uplinks: [wan0, wan1]}\nzones:\n  - {name: office, from: 10.1.0.0/16, laddrs: [198.51.100.1, 198.51.100.3]}\n  - {name: guests, from: 10.2.0.0/16, laddrs: " + laddr + "}\n"
			}
			s.start(t, policy("198.51.100.5"))
			call(t, s.Office, "udp 9.9.9.9:53")
			args := []string{"--state-dir", t.TempDir()}
			if keep {
				args = append(args, "--no-cleanup")
			}
			p := begin(t, s.Gateway, false, policy("198.51.100.6"), "10m", args...)
			if a := call(t, s.Guests, "udp 9.9.9.9:53"); a.Peer.Addr().String() != "198.51.100.6" {
				t.Fatalf("the trial translates to %v", a.Peer)
			}
			must(t, p.cmd.Process.Signal(syscall.SIGINT))
			p.ends(t, 5)
			flows, err := s.Gateway.Flows(t.Context())
			must(t, err)
			office, guests := 0, 0
			for _, f := range flows {
				switch f.Reply.Dst.Addr().String() {
				case "198.51.100.6":
					guests++
				case "198.51.100.1", "198.51.100.3":
					office++
				}
			}
			if office != 1 || guests != map[bool]int{true: 1}[keep] {
				t.Errorf("of the office %d flows are left, of the laddr that is gone %d:\n%s", office, guests, p.printed())
			}
			if !keep && !strings.Contains(p.printed(), "ended 1 flow that contradicted it") {
				t.Errorf("it says\n%s", p.printed())
			}
		})
	}
}

// Output that nobody takes holds up no more than the report: the time goes on all the same.
func TestConfirmStuckOutput(t *testing.T) {
	h := startGateway(t, small)
	before, dir := exact(t, h), t.TempDir()
	var many strings.Builder
	for i := range 1500 { // more JSON than a pipe holds
		fmt.Fprintf(&many, "  - {name: s%d, vip: 203.1.%d.%d, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2]}\n", i, i/250, i%250+1)
	}
	out, in, err := os.Pipe()
	must(t, err)
	defer out.Close()
	cmd := exec.Command(program(t), "apply", "-f", policyFile(t, small+many.String()), "--confirm", "3s", "--format", "json", "--state-dir", dir)
	cmd.Stdout = in
	must(t, h.Do(cmd.Start))
	must(t, in.Close())
	eventually(t, "the policy to be in force", func() bool { return history(t, h, dir) != "" })
	eventually(t, "the history to say that it was taken back", func() bool { return history(t, h, dir) == "reverted" })
	if after := exact(t, h); after != before {
		t.Errorf("taken back it is\n%s\nwant\n%s", after, before)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 5 {
		t.Errorf("apply exits %d, want 5", code)
	}
}
