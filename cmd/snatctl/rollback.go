package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/plain"
)

func rollbackCommand() *cobra.Command {
	var o applyOptions
	var table string
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "rollback [N]",
		Short:       "go back to an earlier policy",
		Long: `Apply an earlier policy of the history again: number N as ` + "`snatctl history`" + ` lists it. Without N
that is number 1, the policy before the last apply. Number 0 is the last policy; applying it
again undoes changes that somebody made by hand.

A rollback is an apply: the policy is compiled by this version, compared with the table in the
kernel, reported, and entered into the history, so the next rollback undoes it. --dry-run only
shows what would change; --confirm takes it back unless you confirm in time.

Exit status: as apply, and 1 if the history has no such entry. With --dry-run as diff.`,
		Example: `  snatctl rollback --dry-run
  snatctl rollback
  snatctl rollback 3 --confirm 120s`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := checkFormat(o.format); err != nil {
				return err
			}
			n := 1
			if len(args) > 0 {
				if n, err = strconv.Atoi(args[0]); err != nil || n < 0 {
					return fmt.Errorf("%q is not the number of an entry: see `snatctl history`", args[0])
				}
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			if o.entry, err = goodEntry(c.Context(), o.stateDir, table, n); err != nil {
				if o.dryRun {
					return exit{exitDiffError, err}
				}
				return exit{exitRefused, err}
			}
			o.command = fmt.Sprintf("rollback to %s", o.entry.Time.Format(time.RFC3339))
			return o.run(c)
		},
	}
	tableFlags(c, &table, &files)
	o.flags(c)
	c.Flags().BoolVar(&o.timings, "timings", false, "print the seconds of each stage as JSON, last on standard error")
	c.Flags().StringVar(&o.format, "format", "text", "format of the report: `text|json`")
	return c
}

// goodEntry returns the n-th entry that was applied and not taken back, counted from the
// newest, 0.
func goodEntry(ctx context.Context, dir, table string, n int) (*history.Entry, error) {
	entries, _, err := listHistory(ctx, dir, table)
	if err != nil {
		return nil, err
	}
	good := history.Good(entries)
	if n >= len(good) {
		return nil, fmt.Errorf("the history of table inet %s in %s has no entry %d: it has %s (see `snatctl history`); nothing was changed", table, dir, n, plain.Count(len(good), "good one"))
	}
	return &good[n], nil
}
