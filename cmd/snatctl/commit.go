package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// commitPatience is how long apply reads again and again because another program changed a
// ruleset between reading and committing.
const commitPatience = 30 * time.Second

// Pauses between two tries double up to the longest. They vary, so that two programs that write
// in turn fall out of step.
const longestPause = 100 * time.Millisecond

// waitAbout waits for about so long, and tells whether ctx let it come to the end.
func waitAbout(ctx context.Context, about time.Duration) bool {
	select {
	case <-time.After(about/2 + rand.N(about)):
		return true
	case <-ctx.Done():
		return false
	}
}

// change is what a commit did, and what takes it back.
type change struct {
	was  *nft.Ruleset
	plan nft.Plan
	kept *nftlink.Snapshot // the table as it stood, if that was asked for
	undo func()            // switches forwarding off again, as far as this commit switched it on
}

// commit sends the difference, reading again whenever another writer came between. before
// runs ahead of the transaction and returns what undoes it should that fail. If keep is set
// the table is kept as it stands, and can be put back.
func commit(ctx context.Context, conn *nftlink.Conn, want *nft.Ruleset, keep bool, before func() (func(), error), t *timings) (change, error) {
	c := change{undo: func() {}}
	prepared := false
	began, about := time.Now(), time.Millisecond
	for try := 1; ; try++ {
		live, gen, plan, err := compare(ctx, conn, want, t)
		if err == nil && keep {
			c.kept, err = keepTable(ctx, conn, want.Table, gen)
		}
		if err == nil && !prepared {
			prepared = true
			c.undo, err = before()
		}
		if err == nil {
			t.bar.stage("committing")
			start := time.Now()
			err = blame(live, want, conn.Apply(ctx, plan, gen))
			t.Commit += since(start)
		}
		if err == nil {
			c.was, c.plan = live, plan
			return c, nil
		}
		if !errors.Is(err, nftlink.ErrStale) || time.Since(began) > commitPatience || !waitAbout(ctx, about) {
			c.undo()
			if errors.Is(err, nftlink.ErrStale) {
				err = fmt.Errorf("another program keeps changing the rulesets of this network namespace (tried %d times; `nft monitor` shows who): %w", try, err)
			}
			return change{}, err
		}
		about = min(2*about, longestPause)
	}
}

// keepTable reads a table so that it can be put back as it stands at a generation, and asks
// the kernel whether it would take it.
func keepTable(ctx context.Context, conn *nftlink.Conn, table string, gen nftlink.Generation) (*nftlink.Snapshot, error) {
	kept, now, err := conn.Snapshot(ctx, table)
	if err == nil && now != gen {
		err = nftlink.ErrStale
	}
	if err == nil {
		err = conn.Check(ctx, kept)
	}
	if err != nil && !errors.Is(err, nftlink.ErrStale) {
		err = fmt.Errorf("the table that stands could not be put back, so --confirm cannot promise that: %w", err)
	}
	return kept, err
}

// compare reads the table and returns it with what turns it into the wanted one.
func compare(ctx context.Context, conn *nftlink.Conn, want *nft.Ruleset, t *timings) (*nft.Ruleset, nftlink.Generation, nft.Plan, error) {
	t.bar.stage("reading the table")
	start := time.Now()
	live, gen, err := conn.Read(ctx, want.Table)
	t.Read += since(start)
	if err != nil {
		return nil, 0, nft.Plan{}, err
	}
	t.bar.stage("comparing")
	start = time.Now()
	defer func() { t.Diff += since(start) }()
	formed, err := nftlink.Forms(want)
	if err != nil {
		return nil, 0, nft.Plan{}, err
	}
	return live, gen, nft.Diff(live, formed), nil
}
