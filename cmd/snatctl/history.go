package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/plain"
)

func historyCommand() *cobra.Command {
	var table, dir, format string
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "history",
		Short:       "print what was applied when, and by whom",
		Long: `Print what was applied to a table, newest first. rollback takes the number of an entry: 0 is the
policy that was applied last, 1 the one before it. Policies that were not confirmed have no number.

Each entry is a directory (--format json names it), which holds the policy as it was given, in
policy/. The last 50 entries are kept.

Exit status: 0, 1 the history cannot be read, 2 usage.`,
		Example: `  snatctl history
  snatctl history --format json | jq -r '.[0].dir'
  snatctl compile -f /var/lib/snatctl/history/snatctl/000017/policy`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := checkFormat(format); err != nil {
				return err
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			entries, _, err := listHistory(c.Context(), dir, table)
			if err != nil {
				return err
			}
			if format == "json" {
				return view.HistoryJSON(os.Stdout, entries)
			}
			return view.History(stdout, table, entries)
		},
	}
	tableFlags(c, &table, &files)
	stateDirFlag(c, &dir)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	return c
}

// listHistory returns a table's entries, the newest first, and warns of damaged ones. The
// newest damaged one is returned too, 0 if there is none.
func listHistory(ctx context.Context, dir, table string) (entries []history.Entry, newestDamaged int, err error) {
	var damaged []error
	g, err := gateway.Look(gateway.Options{Table: table, StateDir: dir})
	if err == nil {
		defer g.Close()
		entries, damaged, err = g.History(ctx)
	} else { // no kernel to ask
		entries, damaged, err = history.Open(dir).List(table)
	}
	if err != nil {
		return nil, 0, exit{exitRefused, fmt.Errorf("read the history: %w", err)}
	}
	for _, d := range damaged {
		fmt.Fprintf(stderr, "warning: %s (skipped)\n", plain.Text(d.Error()))
		var one *history.Damaged
		if errors.As(d, &one) {
			newestDamaged = max(newestDamaged, one.ID)
		}
	}
	return entries, newestDamaged, nil
}
