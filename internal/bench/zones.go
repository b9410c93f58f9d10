package main

import (
	"context"
	"fmt"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/internal/sample"
)

// zones puts many zones with a pool each into an empty kernel.
func (b *bench) zones(ctx context.Context) error {
	w, err := nstest.Create(nstest.Options{})
	if err != nil {
		return err
	}
	defer w.Close()
	file, err := b.write("zones.yaml", sample.Zones(b.size.zones))
	if err != nil {
		return err
	}
	script, err := b.script(ctx, w.Gateway, file)
	if err != nil {
		return err
	}
	var ours, theirs loads
	for range b.n {
		if err := ours.take(ctx, w.Gateway, b.snatctl, "apply", "-f", file, "--timings"); err != nil {
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
	}
	size := fmt.Sprintf("%d zones with a pool each", b.size.zones)
	b.add(row{size + ": compile + commit", ours.enact.Seconds(), "nft -f: " + theirs.wall.Seconds(), ours.enact.Over(theirs.wall), "< 500 ms", ours.enact.Median() < 0.5})
	b.add(row{what: size + ": whole process", ours: ours.wall.Seconds(), theirs: "nft -f: " + theirs.wall.Seconds(), ratio: ours.wall.Over(theirs.wall)})
	return nil
}
