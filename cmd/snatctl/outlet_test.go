package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// hostile is text that a terminal or a workflow's log must never get as it is.
const hostile = "::stop-commands::x\n::error::forged\x1b[31m"

// program returns a command that runs snatctl: this test's binary, which is that under its name.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	as := filepath.Join(t.TempDir(), "snatctl")
	if err := os.Symlink(self, as); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(as, args...)
	c.Env = append(os.Environ(), "GITHUB_ACTIONS=")
	return c
}

// programIn is program within a host's network namespace.
func programIn(t *testing.T, h *nstest.Host, args ...string) *exec.Cmd {
	t.Helper()
	c := program(t, args...)
	c.Path, c.Args = "/usr/bin/nsenter", append([]string{"nsenter", "--net=" + h.Path(), c.Path}, args...)
	return c
}

// forged is what must stand nowhere: escape sequences, and commands of a workflow at the
// beginning of a line that snatctl itself does not write.
var forged = regexp.MustCompile(`\x1b|(?m)^\s*::(stop-commands|error::forged)`)

func harmless(t *testing.T, c *exec.Cmd) (output string) {
	t.Helper()
	out, err := c.CombinedOutput()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	if at := forged.FindIndex(out); at != nil {
		t.Errorf("%q prints\n%q", c.Args, out)
	}
	return string(out)
}

// TestHostileFiles walks the commands that read files with hostile names of files and tests.
func TestHostileFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	policy := write(hostile+".yaml", `version: 1
zones: [{name: z, from: 10.0.0.0/8,    oif: "a\e[31mb", laddrs: 198.51.100.1}]
tests:
- {name: "::stop-commands::x\n::error::forged\e[31m", from: 10.1.1.1, to: "8.8.8.8:53", proto: udp, oif: wan, expect: {zone: z}}
`)
	invalid := write("invalid"+hostile+".yaml", "version: 1\n\"::error::forged\\e[31m\": 1\n")
	baseline := write("base"+hostile+".json", `{"version":1,"findings":[{"file":"x","code":"Z01","object":"\n::error::forged","message":"\u001b[31m\n::error::forged","count":1}]}`)
	plainPolicy := write("plain.yaml", "version: 1\nzones: [{name: z, from: 10.0.0.0/8, oif: wan, laddrs: 198.51.100.1}]\n")
	absent := "absent" + hostile
	for _, args := range [][]string{
		{"lint", policy}, {"lint", "--format", "github", policy}, {"lint", invalid}, {"lint", "--format", "github", absent}, {"lint", absent},
		{"lint", "--baseline", baseline, plainPolicy}, {"lint", "--baseline", policy, plainPolicy}, {"lint", "--baseline", absent, plainPolicy},
		{"test", policy}, {"test", "--format", "github", policy}, {"test", invalid}, {"test", absent},
		{"compile", "-f", policy}, {"compile", "-f", invalid}, {"compile", "-f", absent},
		{"fmt", "--check", policy}, {"fmt", "--diff", policy}, {"fmt", absent}, {"fmt", "--check", invalid},
		{"explain", "-f", plainPolicy, "--from", "10.1.1.1", "--to", "8.8.8.8", "--proto", "udp", "--iif", hostile, "--oif", hostile},
		{"explain", "-f", policy, "--from", hostile, "--to", "8.8.8.8", "--proto", hostile},
		{"diff", "-f", invalid}, {"apply", "-f", absent}, {"history", "--state-dir", absent, "--table", hostile},
		{hostile}, {"lint", "--" + hostile}, {"lint", "--format", hostile, plainPolicy},
	} {
		c := program(t, args...)
		c.Dir = dir
		harmless(t, c)
	}
}

// TestHostileTable walks the commands that read the kernel's table, with hostile comments in it.
func TestHostileTable(t *testing.T) {
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	text := "version: 1\nladdrs: {p: 198.51.100.1}\nzones: [{name: z, from: 10.0.0.0/8, laddrs: p}]\n" +
		"services: [{name: web, vip: 203.0.113.1, ports: tcp/80, mode: nat, real_servers: [192.168.1.1]}]\n"
	if err := os.WriteFile(policy, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	state := []string{"--state-dir", filepath.Join(dir, "state")}
	harmless(t, programIn(t, h, append([]string{"apply", "-f", policy}, state...)...))
	script := filepath.Join(dir, "hostile.nft")
	hostileRules := "add element inet snatctl zones4 { 172.16.0.0/12 comment \"evil\x1b[31m\n::error::forged\" : 198.51.100.7/32 }\n" +
		"add chain inet snatctl foreign\nadd rule inet snatctl foreign counter comment \"\x1b[2J\"\n"
	if err := os.WriteFile(script, []byte(hostileRules), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Output(context.Background(), "nft", "-f", script); err != nil {
		t.Fatal(err)
	}
	if out := harmless(t, programIn(t, h, "status")); !strings.Contains(out, `evil\x1b`) {
		t.Errorf("status does not show the element:\n%s", out)
	}
	harmless(t, programIn(t, h, "status", "--check"))
	harmless(t, programIn(t, h, "flows"))
	harmless(t, programIn(t, h, "diff", "-f", policy))
	harmless(t, programIn(t, h, append([]string{"apply", "-f", policy}, state...)...))
	harmless(t, programIn(t, h, append([]string{"history"}, state...)...))
}

// TestLostReports: what happened decides about the exit status, and a message says that
// nobody could read it.
func TestLostReports(t *testing.T) {
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	dir := t.TempDir()
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte("version: 1\nzones: [{name: z, from: 10.0.0.0/8, laddrs: 198.51.100.1}]\ntests: [{name: t, from: 10.1.1.1, to: 8.8.8.8, proto: icmp, expect: {snat: none}}]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, c := range []struct {
		want int
		args string
	}{
		{1, "diff -f POLICY"}, {1, "diff -f POLICY --format json"},
		{0, "apply -f POLICY --state-dir STATE"}, {0, "apply -f POLICY --state-dir STATE --format json"},
		{0, "diff -f POLICY"}, {0, "diff -f POLICY --format json"},
		{1, "test POLICY"}, {1, "test POLICY --format json"},
		{1, "status"}, {1, "status --format json"}, {1, "flows"}, {1, "flows --format json"},
		{1, "compile -f POLICY"}, {1, "explain -f POLICY --from 10.1.1.1 --to 8.8.8.8 --proto icmp"}, {1, "schema"}, {1, "version"},
		{0, "rollback 0 --state-dir STATE"}, {0, "flush"},
	} {
		args := strings.Fields(strings.NewReplacer("POLICY", policy, "STATE", filepath.Join(dir, "state")).Replace(c.args))
		p := programIn(t, h, args...)
		var said bytes.Buffer
		p.Stdout, p.Stderr = full, &said
		err := p.Run()
		if got := p.ProcessState.ExitCode(); got != c.want || !strings.Contains(said.String(), "no space left on device") {
			t.Errorf("%s: exit status %d (%v), want %d; it says\n%s", c.args, got, err, c.want, said.String())
		}
	}
}

// TestOneSignalEnds: a command that has nothing to put right ends by the first SIGTERM.
func TestOneSignalEnds(t *testing.T) {
	slow := "version: 1\nzones:\n" + strings.Repeat("- {name: a, from: 10.0.0.0/8, laddrs: 198.51.100.1}\n", 200_000)
	for _, args := range []string{"fmt -", "lint -", "compile -f -", "test -f -"} {
		c := program(t, strings.Fields(args)...)
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { io.WriteString(in, slow); in.Close() }()
		time.Sleep(300 * time.Millisecond) // it has begun
		c.Process.Signal(syscall.SIGTERM)
		began := time.Now()
		err = c.Wait()
		if state := c.ProcessState.Sys().(syscall.WaitStatus); !state.Signaled() || time.Since(began) > 5*time.Second {
			t.Errorf("%s ends by itself after %v: %v", args, time.Since(began), err)
		}
	}
}

// TestWatchEndsAtFIFO: so does watch, while nobody reads the FIFO that it logs to.
func TestWatchEndsAtFIFO(t *testing.T) {
	nstest.Require(t)
	h := nstest.NewHost(t, "gateway")
	dir := t.TempDir()
	policy, fifo := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "log")
	if err := errors.Join(os.WriteFile(policy, []byte("version: 1\nzones: [{name: z, from: 10.0.0.0/8, laddrs: 198.51.100.1}]\n"), 0o666), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	harmless(t, programIn(t, h, "apply", "-f", policy, "--state-dir", dir))
	c := programIn(t, h, "watch", "--log", fifo)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	c.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("watch: %v", err)
		}
	case <-time.After(20 * time.Second):
		c.Process.Kill()
		t.Error("watch goes on")
	}
}
