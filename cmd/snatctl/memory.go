package main

import (
	"math"
	"os"
	"runtime/debug"
)

// tuneMemory trades memory for time, which suits a program that ends soon: the garbage
// collector leaves it alone until the process holds softLimit bytes. What the user sets by
// GOGC or GOMEMLIMIT stands.
func tuneMemory() {
	const softLimit = 256 << 20
	if !memoryTuned() {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(softLimit)
	}
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
