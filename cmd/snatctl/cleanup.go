package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/api"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
)

type cleanOptions struct {
	table, stateDir, format string
	dryRun                  bool
}

func cleanupCommand() *cobra.Command {
	var o cleanOptions
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "cleanup",
		Short:       "end connections that contradict the table in force",
		Long: `End every connection that the table in force would not translate in the same way, without an apply.

cleanup goes further than apply does: it also ends connections whose source a zone now drops or
rejects, and those that earlier applies left because cleanup was off or they were killed. Use it
after you add a zone that drops, and after a takeover in a pair.

It does not end connections that other tables translated, or connections in other conntrack zones,
which another table sets. It says how many of the latter contradict the table; snatctl flows --end
ends them.

Exit status: 0 done, or nothing to do; 1 no table, or nothing could be done; 4 some could not be ended;
6 an apply of this table is running. With --dry-run: 0 nothing would be ended, 1 something would,
2 error.`,
		Example: `  snatctl cleanup --dry-run
  snatctl cleanup`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := checkFormat(o.format); err != nil {
				return err
			}
			if o.table, err = tableName(o.table, files); err != nil {
				return err
			}
			return clean(c.Context(), o)
		},
	}
	tableFlags(c, &o.table, &files)
	stateDirFlag(c, &o.stateDir)
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would be ended, and end nothing")
	c.Flags().StringVar(&o.format, "format", "text", "format of the output: `text|json`")
	return c
}

func clean(ctx context.Context, o cleanOptions) error {
	open, failed := gateway.Hold, statusOf
	if o.dryRun {
		open, failed = gateway.Look, func(err error) error { return exit{exitDiffError, err} }
	}
	done, err := cleanBy(ctx, open, o.table, o.stateDir)
	if err != nil && !isIncomplete(err) {
		return failed(err)
	}
	var lost error
	if o.format == "json" {
		lost = view.CleanedJSON(os.Stdout, done)
	} else {
		lost = view.Cleaned(stdout, o.table, done)
	}
	switch {
	case err != nil:
		return errors.Join(failed(err), lost)
	case o.dryRun && len(done.Stale) > 0:
		return errors.Join(exit{code: exitDiffers}, lost)
	}
	return lost
}

// cleanBy ends the flows that contradict a table in force, or has the agent that holds it do so.
func cleanBy(ctx context.Context, open func(gateway.Options) (*gateway.Gateway, error), table, stateDir string) (gateway.Cleaned, error) {
	g, err := open(gateway.Options{Table: table, StateDir: stateDir, Tell: tellEvent})
	if held := agentIn(err); held != nil {
		return api.Dial(held.By.Agent).Clean(ctx)
	}
	if err != nil {
		return gateway.Cleaned{}, err
	}
	defer g.Close()
	return g.Clean(ctx)
}

// isIncomplete tells whether an operation did something, and not all, here or at an agent.
func isIncomplete(err error) bool {
	var here *gateway.IncompleteError
	var there *api.Error
	return errors.As(err, &here) || errors.As(err, &there) && there.Kind == api.Incomplete
}
