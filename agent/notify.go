package agent

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// What a service manager is told (sd_notify(3)).
const (
	ready    = "READY=1"
	stopping = "STOPPING=1"
	watchdog = "WATCHDOG=1"
)

// reloading is what it is told before the policy is read again; ready follows. It wants the time by
// the clock that does not jump.
func reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // fails for no clock that exists
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000)
}

// alive tells it that the loop runs, twice as often as it wants to hear it.
func (a *Agent) alive() {
	a.mu.Lock()
	due := a.o.Watchdog > 0 && time.Since(a.told) >= a.o.Watchdog/2-pulse
	if due {
		a.told = time.Now()
	}
	a.mu.Unlock()
	if due {
		a.o.Notify(watchdog)
	}
}

// status tells it in a line what goes on.
func (a *Agent) status() {
	s := a.Snapshot()
	line := fmt.Sprintf("table %s as %s says", s.Table, s.Policy.Hash[:min(12, len(s.Policy.Hash))])
	if s.Policy.Error != "" {
		line = fmt.Sprintf("table %s as the last good policy says; the newest is refused", s.Table)
	}
	if s.Trial != nil {
		line += "; awaits confirmation"
	}
	if len(s.Drift.Standing) > 0 {
		line += fmt.Sprintf("; differs in %d places", len(s.Drift.Standing))
	}
	a.o.Notify("STATUS=" + line)
}
