package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

// attempts bounds how often apply reads again because another program changed the ruleset
// between reading and committing.
const attempts = 3

type applyOptions struct {
	files   []string
	dryRun  bool
	keep    bool // stale flows
	timings bool
	format  string
}

func applyCommand() *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "bring the kernel to the policy, in one transaction",
		Long: `Compile the policy, compare it with the table in the kernel, and send the difference as one
transaction: the kernel takes all of it or nothing. What does not change is not touched.

Established connections keep their translation if the new policy would also make it. Those
that contradict it are ended after the transaction, and counted: connections to a real server
that its service no longer lists (weight 0 drains instead), of a service that is gone, or with
a laddr that their zone or service no longer has. --no-cleanup and gateway.cleanup: none let
them be.

apply also switches on IP forwarding for the families that the policy uses, unless it says
gateway.forwarding: false.

Exit status: 0 applied or nothing to do, 1 refused or failed and the kernel is unchanged,
2 usage, 4 applied but some connections that contradict the policy could not be ended,
6 another apply is running. With --dry-run as diff: 0 no difference, 1 differences,
2 error.`,
		Example: `  snatctl apply -f policy.yaml
  snatctl apply -f policy.yaml --dry-run
  snatctl apply -f /etc/snatctl/policy.d`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.files, err = policyFiles(o.files, args); err != nil {
				return err
			}
			if err := checkFormat(o.format); err != nil {
				return err
			}
			if o.dryRun {
				return diff(c.Context(), o)
			}
			return apply(c.Context(), o)
		},
	}
	fileFlag(c, &o.files)
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would change, as diff does, and change nothing")
	c.Flags().BoolVar(&o.keep, "no-cleanup", false, "let connections be that contradict the policy")
	c.Flags().BoolVar(&o.timings, "timings", false, "print the seconds of each stage as JSON, last on standard error")
	c.Flags().StringVar(&o.format, "format", "text", "of the report: text or json")
	return c
}

// apply is the spine: load, compile, read, diff, commit, clean up. Every failure before the
// cleanup leaves the kernel as it was.
func apply(ctx context.Context, o applyOptions) (err error) {
	t := timings{bar: newBar(6)}
	if o.timings {
		defer func() { err = t.last(err) }()
	}
	defer t.bar.stop()
	p, want, err := load(o.files, &t, exitRefused)
	if err != nil {
		return err
	}
	unlock, err := lock(want.Table)
	if err != nil {
		return err
	}
	defer unlock()
	conn, err := nftlink.Open()
	if err != nil {
		return exit{exitRefused, err}
	}
	defer conn.Close()

	was, plan, err := commit(ctx, conn, want, func() (func(), error) { return forwardingOn(p, want, t.bar.stop) }, &t)
	t.bar.stop()
	if err != nil {
		return exit{exitRefused, unchanged(err)}
	}
	if was != nil && !plan.Empty() {
		settle(&t)
	}
	releaseClients(ctx, conn, p, want, &t)
	accountingOn(p)
	var stale staleFlows
	if !o.keep && p.Gateway.Cleanup != policy.CleanupNone {
		stale, err = cleanup(ctx, was, want, &t)
		t.bar.stop()
	}
	if err := report(os.Stdout, o.format, was, want, plan, stale, true); err != nil {
		return err
	}
	if err != nil {
		return exit{exitIncomplete, fmt.Errorf("the policy is in force, but connections that contradict it may be left: %w; applying again tries again (connections of a service or with a laddr that is gone it knows no more: see `conntrack -L`)", err)}
	}
	return nil
}

// commit sends the difference, reading again whenever another writer came between. before
// runs ahead of the transaction and returns what undoes it should that fail.
func commit(ctx context.Context, conn *nftlink.Conn, want *nft.Ruleset, before func() (func(), error), t *timings) (*nft.Ruleset, nft.Plan, error) {
	undo := func() {}
	for try := 1; ; try++ {
		live, gen, plan, err := compare(ctx, conn, want, t)
		if err == nil && try == 1 {
			undo, err = before()
		}
		if err == nil {
			t.bar.stage("committing")
			start := time.Now()
			err = blame(live, want, conn.Apply(ctx, plan, want, gen))
			t.Commit += since(start)
		}
		if err == nil {
			return live, plan, nil
		}
		if !errors.Is(err, nftlink.ErrStale) || try == attempts {
			undo()
			if errors.Is(err, nftlink.ErrStale) {
				err = fmt.Errorf("another program keeps changing the rulesets of this network namespace (tried %d times; `nft monitor` shows who): %w", attempts, err)
			}
			return nil, nft.Plan{}, err
		}
	}
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
	if err := nftlink.SetForms(want); err != nil {
		return nil, 0, nft.Plan{}, err
	}
	return live, gen, nft.Diff(live, want), nil
}
