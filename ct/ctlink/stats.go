package ctlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Stats is what conntrack counts as a whole. All but Entries and Max count since the
// namespace was made, summed over the processors; the kernel counts each in 32 bits.
type Stats struct {
	Entries       uint32 // flows now, those included whose time is over and that are not swept yet
	Max           uint32 // nf_conntrack_max: more are refused; 0 is no limit
	Found         uint64 // ports (or ids) that a translation would have taken, and that were in use
	Invalid       uint64 // packets that no flow could be made of
	Insert        uint64 // flows put into the table by netlink or for an expectation
	InsertFailed  uint64 // flows that could not be entered: a race, or no free port
	Drop          uint64 // packets dropped since no flow could be made for them
	EarlyDrop     uint64 // flows ended before their time, for room
	Error         uint64 // packets dropped as bad ones
	SearchRestart uint64 // lookups begun anew, as the table was resized under them
}

// Stats returns the counters of this network namespace. Nobody asks often, so the library does.
func (c *Conn) Stats(ctx context.Context) (s Stats, err error) {
	if c.reading {
		return s, errBusy
	}
	if err := ctx.Err(); err != nil {
		return s, err
	}
	all, err := c.counters.StatsGlobal()
	if err != nil {
		return s, fmt.Errorf("read conntrack's counters: %w", explainOf(err))
	}
	each, err := c.counters.Stats()
	if err != nil {
		return s, fmt.Errorf("read conntrack's counters: %w", explainOf(err))
	}
	s.Entries, s.Max = all.Entries, all.MaxEntries
	for _, cpu := range each {
		s.Found += uint64(cpu.Found)
		s.Invalid += uint64(cpu.Invalid)
		s.Insert += uint64(cpu.Insert)
		s.InsertFailed += uint64(cpu.InsertFailed)
		s.Drop += uint64(cpu.Drop)
		s.EarlyDrop += uint64(cpu.EarlyDrop)
		s.Error += uint64(cpu.Error)
		s.SearchRestart += uint64(cpu.SearchRestart)
	}
	return s, nil
}

// explainOf explains the kernel's error within one of the library's.
func explainOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return explain(errno)
	}
	return err
}
