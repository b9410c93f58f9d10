package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/snatctl/snatctl/internal/lab"
	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// load puts many services into an empty kernel: by the binary, by nft -f of the compiled
// script, and, to see what encoding costs, by Apply and by replaying what it sent.
func (b *bench) load(ctx context.Context) error {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return err
	}
	defer w.Close()
	text := sample.Services(b.size.services, b.size.servers)
	file, err := b.write("services.yaml", text)
	if err != nil {
		return err
	}
	script, err := b.script(ctx, w.Gateway, file)
	if err != nil {
		return err
	}
	f, err := newFloor(w.Gateway, text)
	if err != nil {
		return err
	}
	defer f.close()

	many, err := b.write("many.yaml", sample.Services(b.size.manyServices, b.size.servers))
	if err != nil {
		return err
	}

	var ours, theirs, list, diff, lint, more loads
	var applyCPU, replayCPU, applyWall, replayWall lab.Series
	for i := range b.n {
		b.say("  round %d of %d", i+1, b.n)
		if err := ours.take(ctx, w.Gateway, b.snatctl, "apply", "-f", file, "--timings"); err != nil {
			return err
		}
		if err := diff.take(ctx, w.Gateway, b.snatctl, "diff", "-f", file, "--timings"); err != nil {
			return err
		}
		if err := lint.take(ctx, w.Gateway, b.snatctl, "lint", "-f", file); err != nil {
			return err
		}
		if err := list.take(ctx, w.Gateway, "nft", "list", "table", "inet", "snatctl"); err != nil {
			return err
		}
		if err := clear(ctx, w.Gateway); err != nil {
			return err
		}
		if err := theirs.take(ctx, w.Gateway, "nft", "-f", script); err != nil {
			return err
		}
		if err := clear(ctx, w.Gateway); err != nil {
			return err
		}
		if err := more.take(ctx, w.Gateway, b.snatctl, "apply", "-f", many, "--timings"); err != nil {
			return err
		}
		if err := clear(ctx, w.Gateway); err != nil {
			return err
		}
		for _, x := range []struct {
			run        func(context.Context) error
			wall, busy *lab.Series
		}{{f.apply, &applyWall, &applyCPU}, {f.replay, &replayWall, &replayCPU}} {
			wall, busy, err := lab.CPU(func() error { return x.run(ctx) })
			if err != nil {
				return err
			}
			*x.wall, *x.busy = append(*x.wall, wall.Seconds()), append(*x.busy, busy.Seconds())
			if err := clear(ctx, w.Gateway); err != nil {
				return err
			}
		}
	}

	size := fmt.Sprintf("%d services x %d", b.size.services, b.size.servers)
	nftFile := "nft -f: "
	faster := theirs.wall.Over(ours.commit)
	b.add(row{size + ": commit stage", ours.commit.Seconds(), nftFile + theirs.wall.Seconds(), faster, ">= 6 times faster", faster.Median() >= 6})
	cost := applyCPU.Over(replayCPU)
	b.add(row{size + ": CPU of the commit", applyCPU.Seconds(), "replay: " + replayCPU.Seconds(), cost, "< 1.5 times", cost.Median() < 1.5})
	b.add(row{what: "  wall time of the same", ours: applyWall.Seconds(), theirs: "replay: " + replayWall.Seconds(), ratio: applyWall.Over(replayWall)})
	whole := ours.wall.Over(theirs.wall)
	b.add(row{size + ": snatctl apply, whole process", ours.wall.Seconds(), nftFile + theirs.wall.Seconds(), whole, "<= 0.5", whole.Median() <= 0.5})
	b.add(row{what: "  its CPU", ours: ours.cpu.Seconds(), theirs: nftFile + theirs.cpu.Seconds(), ratio: ours.cpu.Over(theirs.cpu)})
	b.add(row{"  its peak memory", ours.peak.Megabytes(), nftFile + theirs.peak.Megabytes(), ours.peak.Over(theirs.peak), "<= 300 MB", ours.peak.Median() <= 300e6})
	b.add(row{what: size + ": compile + diff", ours: ours.prepare.Seconds(), need: "< 150 ms", ok: ours.prepare.Median() < 0.15})
	grows := more.wall.Over(ours.wall)
	b.add(row{fmt.Sprintf("%d services x %d: snatctl apply, whole process", b.size.manyServices, b.size.servers), more.wall.Seconds(),
		fmt.Sprintf("of %d: %s", b.size.services, ours.wall.Seconds()), grows, "< 4 times", grows.Median() < 4})
	b.add(row{what: "  its peak memory", ours: more.peak.Megabytes(), theirs: fmt.Sprintf("of %d: %s", b.size.services, ours.peak.Megabytes()), ratio: more.peak.Over(ours.peak)})
	b.add(row{size + ": snatctl lint, whole process", lint.wall.Seconds(), "load stage: " + ours.load.Seconds(), lint.wall.Over(ours.load),
		"<= load + 200 ms", lint.wall.Less(ours.load).Median() <= 0.2})
	b.add(row{size + ": snatctl diff, read stage", diff.read.Seconds(), "nft list: " + list.wall.Seconds(), diff.read.Over(list.wall), "< 1 s", diff.read.Median() < 1})
	return nil
}

// loads is what a command took in each round.
type loads struct {
	wall, cpu, peak, load                 lab.Series
	compile, read, commit, prepare, enact lab.Series // prepare: compile and diff; enact: compile and commit
	stdout                                string     // of the last round
}

func (l *loads) take(ctx context.Context, h *nstest.Host, argv ...string) error {
	u, err := lab.Run(ctx, h, argv...)
	if err != nil {
		return err
	}
	l.wall, l.cpu, l.peak = append(l.wall, u.Wall.Seconds()), append(l.cpu, u.CPU.Seconds()), append(l.peak, float64(u.Peak))
	l.load = append(l.load, u.Timings.Load)
	l.compile, l.read, l.commit = append(l.compile, u.Timings.Compile), append(l.read, u.Timings.Read), append(l.commit, u.Timings.Commit)
	l.prepare = append(l.prepare, u.Timings.Compile+u.Timings.Diff)
	l.enact = append(l.enact, u.Timings.Compile+u.Timings.Commit)
	l.stdout = u.Stdout
	return nil
}

// floor sends one plan to the kernel in this process, encoded on the spot or beforehand.
type floor struct {
	conn *nftlink.Conn
	plan nft.Plan
	sent *nftlink.Transaction
}

func newFloor(h *nstest.Host, text []byte) (*floor, error) {
	want, err := compiled(text)
	if err != nil {
		return nil, err
	}
	f := &floor{plan: nft.Diff(nil, want)}
	if f.sent, err = nftlink.Encode(f.plan); err != nil {
		return nil, err
	}
	debug.FreeOSMemory()
	return f, h.Do(func() (err error) {
		f.conn, err = nftlink.Open()
		return err
	})
}

func (f *floor) apply(ctx context.Context) error { return f.conn.Apply(ctx, f.plan, 0) }

func (f *floor) replay(ctx context.Context) error { return f.conn.Replay(ctx, f.sent) }

func (f *floor) close() { f.conn.Close() }
