package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

const (
	exitDiffers   = 1
	exitDiffError = 2
)

func diffCommand() *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "diff -f FILE",
		Short:       "print what apply would change",
		Long: `Compare the policy with the table in the kernel and print what apply would change: by policy
object (+ added, - removed, ~ changed), how many live connections that would end, since they
contradict the policy, and how many rules and elements it takes. What was changed in the
kernel by hand shows up too. Nothing is changed. Connections alone are no difference.

Exit status: 0 no difference, 1 differences, 2 error.`,
		Example: `  snatctl diff -f policy.yaml
  snatctl diff -f policy.yaml --format json | jq .changes`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.files, err = policyFiles(o.files, args); err != nil {
				return err
			}
			if err := checkFormat(o.format); err != nil {
				return err
			}
			return diff(c.Context(), o)
		},
	}
	fileFlag(c, &o.files)
	c.Flags().BoolVar(&o.timings, "timings", false, "print the seconds of each stage as JSON, last on standard error")
	c.Flags().StringVar(&o.format, "format", "text", "text or json")
	return c
}

func diff(ctx context.Context, o applyOptions) (err error) {
	t := newTimings(5)
	if o.timings {
		defer func() { err = t.last(err) }()
	}
	defer t.bar.stop()
	p, want, _, err := o.load(&t, exitDiffError)
	if err != nil {
		return err
	}
	conn, err := nftlink.Open()
	if err != nil {
		return exit{exitDiffError, err}
	}
	defer conn.Close()
	if err := offload(ctx, conn, p, want); err != nil {
		return exit{exitDiffError, err}
	}
	live, _, plan, err := compare(ctx, conn, want, &t)
	if err != nil {
		return exit{exitDiffError, err}
	}
	var stale staleFlows
	if !o.keep && p.Gateway.Cleanup != policy.CleanupNone {
		if stale, err = foresee(ctx, live, want, &t); err != nil {
			t.bar.stop()
			fmt.Fprintf(stderr, "warning: cannot tell which connections apply would end: %v\n", err)
		}
	}
	t.bar.stop()
	d, err := measure(live, want, plan, &t)
	if err != nil {
		return exit{exitDiffError, err}
	}
	defer func(start time.Time) { t.Report = since(start) }(time.Now())
	tellAwaiting(want.Table)
	lost := report(o.format, want.Table, d, plan, stale, false)
	if !plan.Empty() {
		return errors.Join(exit{code: exitDiffers}, lost)
	}
	return lost
}

func checkFormat(f string) error {
	if f != "text" && f != "json" {
		return fmt.Errorf("unknown format %q: want text or json", f)
	}
	return nil
}
