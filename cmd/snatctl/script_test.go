package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/internal/golden"
	"github.com/snatctl/snatctl/internal/nstest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"snatctl": func() { os.Exit(run()) }})
}

// TestScript runs the commands as users do: exit status, standard output and standard error.
// TESTDATA is the directory of the policies that all tests share, and EXAMPLES that of those which
// users read.
func TestScript(t *testing.T) {
	shared, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: golden.Updating(),
		Setup: func(e *testscript.Env) error {
			e.Setenv("TESTDATA", shared)
			e.Setenv("EXAMPLES", filepath.Join(shared, "..", "examples"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// TestKernelScript does the same for what needs a kernel. Every script has a network
// namespace of its own, in which exits runs its programs.
func TestKernelScript(t *testing.T) {
	nstest.Require(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/kernel",
		UpdateScripts: golden.Updating(),
		Setup: func(e *testscript.Env) error {
			h := nstest.NewHost(t, "gateway")
			e.Values[hostKey{}], e.Values[lockKey{}] = h, &heldLock{}
			e.Setenv("NETNS", h.Path())
			e.Setenv("STATE_DIRECTORY", filepath.Join(e.WorkDir, "state"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "hold": hold},
	})
}

type hostKey struct{}

// exits runs a program that must end with a status: exits 2 snatctl explain.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	program := args[1:]
	if ns := ts.Getenv("NETNS"); ns != "" {
		program = append([]string{"nsenter", "--net=" + ns}, program...)
	}
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(program[0], program[1:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("the exit status is %d, want %d", got, want)
	}
}

// hold takes the lock of a table for a while, as an apply of another process does, and sets
// HOLDER to the process that holds it: hold TABLE. ! hold gives it back.
func hold(ts *testscript.TestScript, release bool, args []string) {
	if release {
		ts.Value(lockKey{}).(*heldLock).Release()
		return
	}
	if len(args) != 1 {
		ts.Fatalf("usage: hold TABLE")
	}
	held := ts.Value(lockKey{}).(*heldLock)
	ts.Check(ts.Value(hostKey{}).(*nstest.Host).Do(func() (err error) {
		held.Lock, err = gateway.TakeLock(args[0])
		return err
	}))
	ts.Defer(held.Release)
	ts.Setenv("HOLDER", strconv.Itoa(os.Getpid()))
}

type lockKey struct{}

// heldLock is the lock that a script holds.
type heldLock struct{ *gateway.Lock }
