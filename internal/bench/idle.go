package main

import (
	"context"
	"fmt"
	"time"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// How long an agent is left to itself, and how long before that: it frees what loading took.
const (
	idleFor    = 30 * time.Second
	idleBefore = 5 * time.Second
)

// idle looks at an agent that has nothing to do but to look for drift.
func (b *bench) idle(ctx context.Context) error {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return err
	}
	defer w.Close()
	a, err := b.agent(ctx, w.Gateway, "idle", sample.Services(b.size.services, b.size.servers))
	if err != nil {
		return err
	}
	defer a.Stop()
	time.Sleep(idleBefore)
	pid := a.Pid()
	before, err := lab.CPUOf(pid)
	if err != nil {
		return err
	}
	start := time.Now()
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := lab.CPUOf(pid)
	if err != nil {
		return err
	}
	share := (after - before).Seconds() / time.Since(start).Seconds()
	memory, err := lab.PeakOf(pid)
	if err != nil {
		return err
	}
	b.add(row{what: fmt.Sprintf("agent at %d services x %d, idle for %s: of one core", b.size.services, b.size.servers, idleFor),
		ours: fmt.Sprintf("%.2f %%", 100*share), need: "< 1 %", ok: share < 0.01})
	b.add(row{what: "  its peak memory, with the first apply", ours: lab.Series{float64(memory)}.Megabytes()})
	return nil
}
