package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
)

// patience is how long a commit reads again and again because another program changed a
// ruleset between reading and committing.
const patience = 30 * time.Second

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

// committed is what a commit did, and what takes it back.
type committed struct {
	comparison
	difference Difference
	saved      *nftlink.Snapshot // the table as it stood, if that was asked for
}

// commit sends the difference, reading again whenever another writer came between. before
// runs once, ahead of the first try; it returns what undoes it should the commit fail. If save is set the table is saved as it
// stands, and can be put back.
func (g *Gateway) commit(ctx context.Context, want *nft.Ruleset, save bool, before func(comparison) (func() error, error)) (*committed, error) {
	c, undo, prepared := &committed{}, func() error { return nil }, false
	began, about := time.Now(), time.Millisecond
	for try := 1; ; try++ {
		var err error
		c.comparison, err = g.compare(ctx, want)
		if err == nil && save {
			c.saved, err = g.saveTable(ctx, c.generation)
		}
		if err == nil && !prepared {
			prepared = true
			undo, err = before(c.comparison)
		}
		if err == nil {
			err = g.send(ctx, want, c)
		}
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, nftlink.ErrStale) || time.Since(began) > patience || !waitAbout(ctx, about) {
			if errors.Is(err, nftlink.ErrStale) {
				err = fmt.Errorf("another program keeps changing the rulesets of this network namespace (tried %d times; `nft monitor` shows who): %w", try, err)
			}
			if left := undo(); left != nil {
				err = errors.Join(err, left)
			}
			return nil, err
		}
		about = min(2*about, longestPause)
	}
}

// send sends the plan. Meanwhile, for the kernel's work keeps one processor busy, it puts the
// plan into words.
func (g *Gateway) send(ctx context.Context, want *nft.Ruleset, c *committed) error {
	g.tell(Committing)
	start := time.Now()
	var unmeasured error
	measured := make(chan struct{})
	go func() {
		defer close(measured)
		c.difference, unmeasured = c.measure(want)
	}()
	err := g.conn.Apply(ctx, c.plan, c.generation)
	g.took(Committing, start)
	start = time.Now()
	<-measured
	g.took(Telling, start)
	if err != nil {
		return blame(c.live, want, err)
	}
	if unmeasured != nil {
		g.tell(Warning{fmt.Errorf("it is not known what changed: %w", unmeasured)})
	}
	return nil
}

// saveTable reads the table so that it can be put back as it is at a generation, and asks
// the kernel whether it would take it.
func (g *Gateway) saveTable(ctx context.Context, at nftlink.Generation) (*nftlink.Snapshot, error) {
	saved, now, err := g.conn.Snapshot(ctx, g.table)
	if err == nil && now != at {
		err = nftlink.ErrStale
	}
	if err == nil {
		err = g.conn.Check(ctx, saved)
	}
	if err != nil && !errors.Is(err, nftlink.ErrStale) {
		err = fmt.Errorf("the table in force could not be restored later, so --confirm is not possible: %w", err)
	}
	return saved, err
}

// blame adds to the kernel's refusal of an element or rule the policy object that it is for:
// an element's key says little to who wrote the policy.
func blame(live, want *nft.Ruleset, err error) error {
	var refused *nftlink.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	if objects := tell.ObjectsOf(live, want, refused.Op); objects != "" {
		return fmt.Errorf("%s: %w", objects, err)
	}
	return err
}
