package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft/nftlink"
)

func bootCommand() *cobra.Command {
	var o applyOptions
	var table string
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "boot",
		Short:       "apply the last good policy, early at boot",
		Long: `Apply the last policy of the history that was applied and not taken back, for every table. A
policy that was still waiting for confirmation when the machine went down does not count. If a
policy does not compile, or the kernel refuses it, boot tries the one before it, and so on. If
another program keeps changing rulesets, boot tries the same policy for up to 30 s, and no older one.

boot needs no network: rules match interfaces by name as soon as they exist. So run it before the
interfaces come up, as packaging/systemd/snatctl.service does. It adds nothing to the history.

Exit status: as apply; 1 if there is no policy to apply, or none that works; 7 if an older policy
than the last good one is in force.`,
		Example: `  snatctl boot
  snatctl boot --state-dir /var/lib/snatctl --table snatctl`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := checkFormat(o.format); err != nil {
				return err
			}
			tables := []string{table}
			if len(files) > 0 {
				tables[0], err = tableName(table, files)
			} else if !c.Flags().Changed("table") {
				tables, err = history.Open(o.stateDir).Tables()
			}
			if err != nil {
				return exit{exitRefused, err}
			}
			return bootAll(c.Context(), o, tables)
		},
	}
	tableFlags(c, &table, &files)
	stateDirFlag(c, &o.stateDir)
	c.Flags().StringVar(&o.format, "format", "text", "format of the report: `text|json`")
	return c
}

// bootAll applies the last good policy of each table. One that fails does not keep the others.
func bootAll(ctx context.Context, o applyOptions, tables []string) error {
	var failed error
	applied := 0
	for _, table := range tables {
		entries, damaged, err := listHistory(ctx, o.stateDir, table)
		good := history.Good(entries)
		if err == nil && len(good) == 0 {
			continue
		}
		if err == nil {
			err = boot(ctx, o, good, missing(o.stateDir, table, entries, good[0], damaged))
		}
		if err != nil && failed != nil {
			fmt.Fprintf(stderr, "snatctl: %v\n", failed)
		}
		if err != nil {
			failed = err
		}
		applied++
	}
	if applied == 0 {
		return exit{exitRefused, fmt.Errorf("the history in %s has no policy to apply: apply one first", o.stateDir)}
	}
	return failed
}

// missing says why the newest good entry is not the policy that was in force last, if that is so.
func missing(dir, table string, entries []history.Entry, good history.Entry, damaged int) error {
	why := ""
	switch newest := entries[0]; {
	case damaged > good.ID:
		why = fmt.Sprintf("entry %d of the history is damaged", damaged)
	case newest.State == history.Pending:
		why = fmt.Sprintf("the policy of %s was being applied when the machine stopped, and it is not known whether it came into force", newest.Time.Format(time.RFC3339))
	case history.Open(dir).Missed(table):
		why = "a newer policy was applied that the history could not keep (was the disk full?)"
	default:
		return nil
	}
	return older(why, good)
}

// older is what boot ends with that did not apply the last policy.
func older(why string, in history.Entry) error {
	return exit{exitOlder, fmt.Errorf("AN OLDER POLICY IS IN FORCE, that of %s: %s; apply a policy that works", in.Time.Format(time.RFC3339), why)}
}

// boot applies the newest entry that works. behind is what it ends with where even the newest is
// an older policy.
func boot(ctx context.Context, o applyOptions, good []history.Entry, behind error) error {
	for i := range good {
		o.entry = &good[i]
		err := apply(ctx, o, nil)
		var status exit
		if err == nil {
			return behind
		}
		if !errors.As(err, &status) || status.code != exitRefused || i == len(good)-1 || errors.Is(err, nftlink.ErrStale) {
			return err
		}
		next := good[i+1]
		fmt.Fprintf(stderr, "snatctl: %v\nwarning: the policy of %s in %s cannot be applied; falling back to that of %s\n",
			err, o.entry.Time.Format(time.RFC3339), o.stateDir, next.Time.Format(time.RFC3339))
		behind = older("the last good one cannot be applied", next)
	}
	return nil
}
