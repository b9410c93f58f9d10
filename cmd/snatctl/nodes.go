package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/plain"
)

func nodesCommand() *cobra.Command {
	var o etcdOptions
	var format string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "nodes --etcd ENDPOINTS --key PREFIX",
		Short:       "print what every node of a fleet runs",
		Long: `Print what the nodes of a fleet report in etcd: the policy in force, since when, why not the one that
was published, and the services whose quorum is not met. A node whose agent has ended is not listed,
one that has died no longer than 15 s.

Exit status: 0, 1 etcd does not answer, 2 usage.`,
		Example: `  snatctl nodes --etcd https://etcd1:2379,https://etcd2:2379 --key /snatctl/prod
  snatctl nodes --etcd https://etcd1:2379 --key /snatctl/prod --format json | jq -r '.[] | select(.state != "current") | .node'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			s, client, _, err := o.open(10 * time.Second)
			if err != nil {
				return err
			}
			defer client.Close()
			st, err := s.Standing(c.Context())
			if err != nil {
				return exit{exitRefused, err}
			}
			reports, err := s.Reports(c.Context())
			if reports == nil {
				return exit{exitRefused, err}
			}
			if err != nil {
				fmt.Fprintf(stderr, "warning: %s\n", plain.Text(err.Error()))
			}
			if format == "json" {
				return view.NodesJSON(os.Stdout, st, reports)
			}
			return view.Nodes(stdout, st, reports)
		},
	}
	etcdFlags(c, &o)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	return c
}
