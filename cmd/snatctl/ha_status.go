package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
)

func haStatusCommand() *cobra.Command {
	var table, format string
	var files []string
	var daemon gateway.Conntrackd
	var alone bool
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "status",
		Short:       "print this node's role, its gate, and what it knows of the other node's flows",
		Long: `Print the role that keepalived told this node last, when, and how that went; whether the gate is
closed; and how many flows conntrackd knows, of this node and of the other.

Exit status: 0 all is well, 1 something is not, which is said, 2 usage.`,
		Example: "  snatctl ha status --format json | jq -r .role",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := checkFormat(format); err != nil {
				return err
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			s, err := gateway.PairStatus(c.Context(), table, daemon, !alone)
			if err != nil {
				return exit{exitRefused, err}
			}
			if format == "json" {
				err = view.PairJSON(os.Stdout, s)
			} else {
				err = view.Pair(stdout, s)
			}
			if err == nil && len(s.Problems) > 0 {
				err = exit{code: exitRefused}
			}
			return err
		},
	}
	tableFlags(c, &table, &files)
	daemonFlags(c, &daemon)
	c.Flags().BoolVar(&alone, "no-sync", false, "there is no conntrackd")
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	return c
}
