package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/policy/read"
)

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
