package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway"
)

func confirmCommand() *cobra.Command {
	var table, dir string
	var files []string
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "confirm",
		Short:       "keep what apply --confirm applied",
		Long: `Keep what ` + "`snatctl apply --confirm`" + ` applied in this network namespace. Use a terminal that you opened
after the apply: it proves that the gateway can still be reached.

Exit status: 0 kept; 1 nothing to confirm; 4 kept, but the history could not be written.`,
		Example: `  snatctl confirm
  snatctl confirm --table edge`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if table, err = tableName(table, files); err != nil {
				return err
			}
			return confirm(table)
		},
	}
	tableFlags(c, &table, &files)
	stateDirFlag(c, &dir)
	c.Flags().Lookup("state-dir").Usage = "for symmetry with apply: the apply that waits knows its own"
	return c
}

func confirm(table string) error {
	if err := gateway.Confirm(table); err != nil {
		return statusOf(err)
	}
	fmt.Fprintf(stdout, "confirmed: table inet %s stays as it is\n", table)
	return nil
}

// tellAwaiting says on standard error that a table awaits confirmation, if so.
func tellAwaiting(table string) {
	if h := gateway.WhoHolds(table); h.Waits {
		fmt.Fprintf(stderr, "table inet %s: process %d applied a policy for now, and %s\n", table, h.PID, h.Waiting())
	}
}
