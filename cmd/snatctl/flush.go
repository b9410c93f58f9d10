package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

func flushCommand() *cobra.Command {
	var table, stateDir string
	var foreign, takeOver bool
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "flush",
		Short:       "remove the table and what belongs to it",
		Long: `Remove snatctl's table, the routes and addresses that gateway.addresses made, the routes and ip rules of uplinks, and the file that
BIRD includes, as far as the history knows it. New connections are no longer translated. Established ones lose their
translation too if no other NAT rules are left, because the kernel then stops translating
altogether. No other table is touched, and forwarding stays as it is. A table of that name that
snatctl did not make is kept, unless --foreign is given. A table that an agent holds is kept, too:
--take-over ends the agent first.

Exit status: 0 removed, or there was no table; 1 failed and nothing was changed; 6 another apply
of this table is running, or an agent holds it.`,
		Example: `  snatctl flush
  snatctl flush -f policy.yaml     # the table that this policy names
  snatctl flush --table edge`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if table, err = tableName(table, files); err != nil {
				return exit{exitRefused, fmt.Errorf("%w; nothing was changed", err)}
			}
			g, err := holdTable(c.Context(), gateway.Options{Table: table, StateDir: stateDir}, takeOver)
			if err != nil {
				return statusOf(err)
			}
			defer g.Close()
			was, err := g.Remove(c.Context(), foreign)
			if err != nil {
				return exit{exitRefused, err}
			}
			view.Removed(stdout, table, was)
			return nil
		},
	}
	c.Flags().StringVar(&table, "table", policy.DefaultGateway().Table, "name of the table")
	c.Flags().BoolVar(&foreign, "foreign", false, "remove the table even if snatctl did not make it")
	stateDirFlag(c, &stateDir)
	takeOverFlag(c, &takeOver)
	fileFlag(c, &files)
	return c
}
