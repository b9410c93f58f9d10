package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/words"
)

func fleetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "fleet",
		Short: "help with policies for several nodes",
		Long: `Help with policies that several gateways carry out together.

Exit status: that of the command.`,
		Example: "  snatctl fleet split office 198.51.100.0/26 --nodes gw1,gw2 --spare 1",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(splitCommand())
	return c
}

func splitCommand() *cobra.Command {
	var files, nodes []string
	var spare int
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "split POOL PREFIX --nodes gw1,gw2",
		Short:       "divide a prefix among nodes, for the policy",
		Long: `Cut a prefix into equal prefixes, one for each node and some to spare, and print them as the
policy's pool of that name. Nothing is changed.

With -f nodes that the pool names already keep what they have, and new nodes get the first pieces
that nobody has. So a node that is added or removed never moves an address of another.

Exit status: 0 printed, 1 invalid policy, or the prefix is too small, 2 usage.`,
		Example: `  snatctl fleet split office 198.51.100.0/26 --nodes gw1,gw2 --spare 1
  snatctl fleet split office 198.51.100.0/26 --nodes gw1,gw2,gw3 -f policy.yaml`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			prefix, err := netip.ParsePrefix(args[1])
			switch {
			case err != nil || prefix.Masked() != prefix:
				return fmt.Errorf("%q is not a prefix such as 198.51.100.0/26", args[1])
			case !words.ValidName(args[0]):
				return fmt.Errorf("%q is not the name of a pool", args[0])
			case len(files) == 0 && len(nodes) == 0:
				return errors.New("no nodes given: name them with --nodes gw1,gw2, or the policy with -f FILE")
			}
			var have []policy.Slice
			if len(files) > 0 {
				p, err := readDraft(files)
				if err != nil {
					return exit{exitRefused, err}
				}
				have, nodes = slicesOf(p, args[0], nodes)
			}
			for i, n := range nodes {
				if !words.ValidName(n) || slices.Contains(nodes[:i], n) {
					return fmt.Errorf("--nodes: %q is not the name of a node, or is there twice", n)
				}
			}
			shares, left, err := policy.Split(prefix, have, nodes, spare)
			if err != nil {
				return exit{exitRefused, err}
			}
			return view.Split(os.Stdout, args[0], shares, left)
		},
	}
	fileFlag(c, &files)
	c.Flags().StringSliceVar(&nodes, "nodes", nil, "`names` of the nodes, separated by commas (default: those of the policy)")
	c.Flags().IntVar(&spare, "spare", 0, "`number` of pieces to leave for nodes to come")
	return c
}

// slicesOf returns what the nodes of a pool have, as far as they are wanted, and whom is wanted: the
// policy's nodes, if nobody was named.
func slicesOf(p *policy.Policy, pool string, wanted []string) (have []policy.Slice, nodes []string) {
	if nodes = wanted; len(nodes) == 0 {
		nodes = p.NodeNames()
	}
	i := slices.IndexFunc(p.Laddrs, func(l policy.Pool) bool { return l.Name == pool })
	if i < 0 {
		return nil, nodes
	}
	for _, s := range p.Laddrs[i].Slices {
		if slices.Contains(nodes, s.Node) {
			have = append(have, s)
		}
	}
	return have, nodes
}
