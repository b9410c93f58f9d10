package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy/read"
)

// What a program that ends soon may hold before the garbage collector works against it. The
// factor is what reading, compiling and reporting takes for each byte of a policy.
const (
	leastMemory   = 256 << 20
	memoryPerByte = 60
)

// tuneMemory trades memory for time, which suits a program that ends soon: the garbage
// collector leaves it alone until the process holds leastMemory bytes. What the user sets by
// GOGC or GOMEMLIMIT is set.
func tuneMemory() {
	if !memoryTuned() {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(leastMemory)
	}
}

// makeRoom raises that limit to what a policy of some bytes takes, as far as the machine has
// it: below what is alive, a limit makes the collector run without end.
func makeRoom(size int64) {
	if !memoryTuned() {
		debug.SetMemoryLimit(room(size, availableMemory("/")))
	}
}

// room returns the limit for a policy of some bytes where so much memory is available. A
// quarter of that is left to others.
func room(size, available int64) int64 {
	return max(leastMemory, min(size*memoryPerByte, available/4*3))
}

// availableMemory returns how many bytes the machine and the control group have to give;
// root is where /proc and /sys are. What cannot be told bounds nothing.
func availableMemory(root string) int64 {
	available := int64(math.MaxInt64)
	if b, err := os.ReadFile(filepath.Join(root, "proc/meminfo")); err == nil { // proc_meminfo(5)
		_, rest, _ := strings.Cut(string(b), "MemAvailable:")
		var kb int64
		if _, err := fmt.Sscan(rest, &kb); err == nil {
			available = kb << 10
		}
	}
	b, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // cgroups(7): "0::/path" is that of version 2
	_, group, found := strings.Cut(string(b), "0::")
	if err != nil || !found {
		return available
	}
	group, _, _ = strings.Cut(group, "\n")
	for dir := filepath.Clean("/" + group); ; dir = filepath.Dir(dir) { // limits of those above count, too
		at := filepath.Join(root, "sys/fs/cgroup", dir)
		if limit, ok := readNumber(filepath.Join(at, "memory.max")); ok {
			used, _ := readNumber(filepath.Join(at, "memory.current"))
			available = min(available, max(0, limit-used))
		}
		if dir == "/" {
			return available
		}
	}
}

// readNumber reads a file that holds a number alone; memory.max may hold "max" instead.
func readNumber(path string) (int64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

// staySmall undoes that for commands that run on and on beside a gateway's work: they hold
// little more than what they have to remember.
func staySmall() {
	if !memoryTuned() {
		debug.SetGCPercent(50)
		debug.SetMemoryLimit(math.MaxInt64)
	}
}

// memoryTuned tells whether the user has set bounds.
func memoryTuned() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }

// memoryFactor is how much address space reading and compiling takes for each byte of a
// policy: one of 90,000 services with 12.6 MB took between 400 and 660 MB.
const memoryFactor = 48

// fits refuses files that the limit of the process' address space (`ulimit -v`) has surely no
// room for. Without it the Go runtime would end the process with a list of its goroutines in
// place of a message. What cannot be told here, load reports.
func fits(paths []string) error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) != nil || limit.Cur == unix.RLIM_INFINITY {
		return nil
	}
	var pages uint64
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil { // proc(5): the first number is the size
		_, _ = fmt.Sscan(string(statm), &pages)
	}
	need := uint64(sizeOf(paths)) * memoryFactor
	if used := pages * uint64(os.Getpagesize()); used+need > limit.Cur {
		const mb = 1 << 20
		return fmt.Errorf("a policy of %d MB needs about %d MB of address space on top of the %d MB that snatctl uses, but the limit is %d MB: raise it (ulimit -v, or LimitAS= of the unit)",
			need/memoryFactor/mb, need/mb, used/mb, limit.Cur/mb)
	}
	return nil
}

// sizeOf returns the bytes of the files that paths name, as far as that can be told.
func sizeOf(paths []string) (n int64) {
	for _, path := range paths {
		files, _ := read.Files(path)
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
				n += info.Size()
			}
		}
	}
	return n
}
