package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

func nodesCommand() *cobra.Command {
	var o etcdOptions
	var format string
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "nodes --etcd ENDPOINTS --key PREFIX",
		Short:       "print what every node of a fleet runs",
		Long: `Print what the nodes of a fleet report in etcd: the policy in force, since when, why not the one that
was published, and the services whose quorum is not met. A node that the policy has and that does not
report is silent: its agent has ended, or the node has died more than 15 s ago. Nodes that snatctl node
drain has given a state are named first.

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
			all := view.Nodes{Standing: st, Reports: reports}
			if all.States, err = s.NodeStates(c.Context()); err != nil {
				return exit{exitRefused, err}
			}
			if p, err := published(c.Context(), s, st.Policy); err != nil {
				fmt.Fprintf(stderr, "warning: nodes that do not report are not known: %s\n", plain.Text(err.Error()))
			} else if p != nil {
				all.Policy = p.NodeNames()
			}
			if format == "json" {
				return all.JSON(os.Stdout)
			}
			return all.Text(stdout)
		},
	}
	etcdFlags(c, &o)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	return c
}

// published reads a policy of a fleet, whether it is in order or not; nil: there is none.
func published(ctx context.Context, s *store.Store, p *fleet.Pointer) (*policy.Policy, error) {
	if p == nil {
		return nil, nil
	}
	files, err := s.Files(ctx, p)
	if err != nil {
		return nil, err
	}
	out, ds := read.Parse(files)
	if out == nil {
		return nil, fmt.Errorf("the policy of the fleet cannot be read: %w", ds.Err())
	}
	return out, nil
}
