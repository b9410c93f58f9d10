package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// measureWord as first argument makes this program run the command behind it and write its
// usage to file descriptor 3. The kernel counts the memory of the process that starts a
// command into the command's peak (fs/exec.c, exec_mmap), and bench itself is large.
const measureWord = "measure-command"

// usage is what a command took.
type usage struct {
	Wall    time.Duration
	CPU     time.Duration // user and system
	Peak    int64         // resident memory, bytes
	Code    int
	timings timings
	stdout  string
}

// timings is what `snatctl --timings` prints: wall seconds of each stage.
type timings struct {
	Load    float64 `json:"load_s"`
	Compile float64 `json:"compile_s"`
	Read    float64 `json:"read_s"`
	Diff    float64 `json:"diff_s"`
	Commit  float64 `json:"commit_s"`
}

func measure(argv []string) {
	runtime.LockOSThread() // Pdeathsig watches the thread
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	start := time.Now()
	if err := cmd.Run(); cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(127)
	}
	u := usage{Wall: time.Since(start), Code: cmd.ProcessState.ExitCode()}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	json.NewEncoder(os.NewFile(3, "usage")).Encode(u)
}

// run runs a command in a host and returns what it took.
func (b *bench) run(ctx context.Context, h *nstest.Host, argv ...string) (usage, error) {
	var u usage
	r, w, err := os.Pipe()
	if err != nil {
		return u, err
	}
	defer r.Close()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{measureWord}, argv...)...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = &stdout, &stderr, []*os.File{w}
	err = h.Do(cmd.Start)
	w.Close()
	if err != nil {
		return u, err
	}
	if err := cmd.Wait(); err != nil {
		return u, fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, stderr.String())
	}
	if err := json.NewDecoder(r).Decode(&u); err != nil {
		return u, err
	}
	u.stdout = stdout.String()
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	_ = json.Unmarshal([]byte(lines[len(lines)-1]), &u.timings) // only where --timings was asked for
	if u.Code != 0 {
		return u, fmt.Errorf("%s exits %d: %s", strings.Join(argv, " "), u.Code, stderr.String())
	}
	return u, nil
}

// cpu returns what f takes of the processor, in user and system mode, on all threads of
// this process.
func cpu(f func() error) (wall, busy time.Duration, err error) {
	runtime.GC()
	before, start := selfCPU(), time.Now()
	err = f()
	return time.Since(start), selfCPU() - before, err
}

func selfCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail on itself (getrusage(2))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
