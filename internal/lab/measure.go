package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/snatctl/snatctl/internal/nstest"
)

// measureWord as first argument makes a program run the command behind it and write its
// usage to file descriptor 3. The kernel counts the memory of the process that starts a
// command into the command's peak (fs/exec.c, exec_mmap), and the callers are large.
const measureWord = "measure-command"

// Main is what a program that calls Run does first. Where Run has started the program anew, to
// measure a command, it does so and exits; else it returns.
func Main() {
	if len(os.Args) > 2 && os.Args[1] == measureWord {
		measure(os.Args[2:])
		os.Exit(0)
	}
}

// Usage is what a command took.
type Usage struct {
	Wall    time.Duration
	CPU     time.Duration // user and system
	Peak    int64         // resident memory, bytes
	Code    int           // exit status
	Timings Timings       `json:"-"` // where --timings was asked for
	Stdout  string        `json:"-"`
}

// Timings is what `snatctl --timings` prints: wall seconds of each stage.
type Timings struct {
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
	u := Usage{Wall: time.Since(start), Code: cmd.ProcessState.ExitCode()}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	json.NewEncoder(os.NewFile(3, "usage")).Encode(u)
}

// Run runs a command in a host and returns what it took. An exit status other than 0 is an
// error. The program must have called Main.
func Run(ctx context.Context, h *nstest.Host, argv ...string) (Usage, error) {
	var u Usage
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
	u.Stdout = stdout.String()
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	_ = json.Unmarshal([]byte(lines[len(lines)-1]), &u.Timings) // only where --timings was asked for
	if u.Code != 0 {
		return u, fmt.Errorf("%s exits %d: %s", strings.Join(argv, " "), u.Code, stderr.String())
	}
	return u, nil
}

// CPU returns what f takes of the processor, in user and system mode, on all threads of
// this process.
func CPU(f func() error) (wall, busy time.Duration, err error) {
	runtime.GC()
	before, start := SelfCPU(), time.Now()
	err = f()
	return time.Since(start), SelfCPU() - before, err
}

// SelfCPU returns what this process has taken of the processor, in user and system mode. What
// the kernel does for packets while it handles a system call counts, too, unless it was built
// with CONFIG_IRQ_TIME_ACCOUNTING or leaves the work to ksoftirqd.
func SelfCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail on itself (getrusage(2))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Machine tells what ran the contenders, and how busy others kept it before.
func Machine() string {
	load, _ := os.ReadFile("/proc/loadavg")
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	first, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d processors, Linux %s; load average before the run: %s.", runtime.NumCPU(), strings.TrimSpace(string(release)), first)
}

// Pause lets the kernel finish what it does after a command has returned: it frees deleted
// elements in a worker, which would be charged to the next contender.
func Pause() { time.Sleep(250 * time.Millisecond) }

// CPUOf returns the user and system time of a running process, to 10 ms (proc_pid_stat(5),
// fields 14 and 15; USER_HZ is 100 everywhere).
func CPUOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold anything
	w := strings.Fields(rest)
	if len(w) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	user, err := strconv.Atoi(w[11])
	if err != nil {
		return 0, err
	}
	system, err := strconv.Atoi(w[12])
	return time.Duration(user+system) * time.Second / 100, err
}

// PeakOf returns the most memory that a running process has held, in bytes (VmHWM, proc_pid_status(5)).
// What wait4 tells of one that has ended counts that of its maker, which it began with.
func PeakOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kB int64
	if _, err := fmt.Sscan(rest, &kB); err != nil {
		return 0, fmt.Errorf("/proc/%d/status: %w", pid, err)
	}
	return kB << 10, nil
}
