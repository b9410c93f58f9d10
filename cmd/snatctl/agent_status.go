package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/api"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
)

func agentStatusCommand() *cobra.Command {
	var table, socket, format string
	var files []string
	c := &cobra.Command{
		Use:   "status",
		Short: "print what the agent that holds the table keeps, and what became of it",
		Long: `Print which policy the agent has put in force and when, why a newer one is refused, what others
changed in the table, and what awaits confirmation.

Exit status: 0 all is as the policy says; 1 no agent answers, a policy is refused, or the table
differs and is not repaired; 2 usage.`,
		Example: `  snatctl agent status
  snatctl agent status --format json | jq .policy.error`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := checkFormat(format); err != nil {
				return err
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			client := api.Dial(socket)
			if socket == "" {
				if client = agentOf(table); client == nil {
					return exit{exitRefused, fmt.Errorf("no agent holds table inet %s in this network namespace (`snatctl agent -f FILE` is one)", table)}
				}
			}
			s, err := client.Snapshot(c.Context())
			if err != nil {
				return exit{exitRefused, err}
			}
			if format == "json" {
				err = view.JSON(os.Stdout, s)
			} else {
				err = view.Agent(stdout, s)
			}
			if s.Policy.Error != "" || len(s.Drift.Standing) > 0 {
				return errors.Join(exit{code: exitRefused}, err)
			}
			return err
		},
	}
	tableFlags(c, &table, &files)
	c.Flags().StringVar(&socket, "socket", "", "ask the agent at this `path`; without it, the one that holds the table")
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	return c
}
