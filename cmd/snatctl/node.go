package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

func nodeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "node",
		Short: "drain a node of a fleet, and take it back",
		Long: `Drain a node of an active-active fleet without cutting its connections, and take it back. The agents
follow etcd (snatctl agent --etcd). Without etcd, the state of a node in the policy does the same
(docs/drain.md).

Exit status: that of the command.`,
		Example: "  snatctl node drain gw3 --for 30m --etcd https://etcd1:2379 --key /snatctl/prod",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(nodeDrainCommand(), nodeUndrainCommand())
	return c
}

type nodeOptions struct {
	etcd etcdOptions
	span time.Duration
}

// chanceLeast is the shortest life of etcd's leases that is any use here.
const chanceLeast = 5 * time.Second

func (o *nodeOptions) command(c *cobra.Command, what string, do func(ctx context.Context, s *store.Store, node string) error) *cobra.Command {
	c.Annotations = map[string]string{decides: ""}
	c.Args = cobra.ExactArgs(1)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := fleet.CheckNode(args[0]); err != nil {
			return err
		}
		if o.span < chanceLeast {
			return fmt.Errorf("--for %v is too short: it must be %v or more", o.span, chanceLeast)
		}
		s, client, _, err := o.etcd.open(publishPatience)
		if err != nil {
			return err
		}
		defer client.Close()
		if client.InClear() {
			fmt.Fprintln(stderr, "warning: the password for etcd can be read on the way: "+inClear)
		}
		return do(c.Context(), s, args[0])
	}
	etcdFlags(c, &o.etcd)
	c.Flags().DurationVar(&o.span, "for", 10*time.Minute, "the others send it packets of "+what+" for this `time` at most: 30m, 2h")
	return c
}

func nodeDrainCommand() *cobra.Command {
	var o nodeOptions
	return o.command(&cobra.Command{
		Use:   "drain NAME --etcd ENDPOINTS --key PREFIX",
		Short: "take new connections from a node, and leave it those that it has",
		Long: `Drain a node: first all other nodes learn to send it packets to VIPs that belong to no connection of
theirs, then its VIPs are withdrawn. The command prints how many flows of services are left there, and
ends when there are none, or --for is over. Then the others send it nothing any more. The node stays
without VIPs until snatctl node undrain.

If the command is interrupted, the node goes on draining, for --for at most. It overrides the state
that the policy gives the node.

Exit status: 0 no flow is left; 1 refused, or the time is over and flows are left; 2 usage.`,
		Example: `  snatctl node drain gw3 --for 30m --etcd https://etcd1:2379 --key /snatctl/prod`,
	}, "its connections", o.drain)
}

func nodeUndrainCommand() *cobra.Command {
	var o nodeOptions
	return o.command(&cobra.Command{
		Use:   "undrain NAME --etcd ENDPOINTS --key PREFIX",
		Short: "give a drained node new connections again",
		Long: `Take a node back that snatctl node drain has drained: its VIPs are announced again. The others send it
packets of unknown connections for --for, still: a router may have connections elsewhere that it kept.

Exit status: 0 done; 1 refused, or it is not drained; 2 usage.`,
		Example: `  snatctl node undrain gw3 --etcd https://etcd1:2379 --key /snatctl/prod`,
	}, "connections that it kept", func(ctx context.Context, s *store.Store, node string) error {
		err := s.Undrain(ctx, node, operator(), o.span)
		switch {
		case errors.Is(err, store.ErrNotDrained):
			return exit{exitRefused, fmt.Errorf("node %s: %w by `snatctl node drain`; nothing was changed", plain.Text(node), err)}
		case err != nil:
			return exit{exitRefused, err}
		}
		fmt.Fprintf(stdout, "node %s takes new connections again; the others send it packets of unknown ones for another %v\n", plain.Text(node), o.span)
		return nil
	})
}

func (o *nodeOptions) drain(ctx context.Context, s *store.Store, node string) error {
	if err := drainable(ctx, s, node); err != nil {
		return exit{exitRefused, fmt.Errorf("%w; nothing was changed", err)}
	}
	ends := time.Now().Add(o.span)
	if err := s.GiveChance(ctx, node, operator(), o.span); err != nil {
		return exit{exitRefused, err}
	}
	if late, err := others(ctx, s, node); err != nil || len(late) > 0 {
		if err == nil {
			err = fmt.Errorf("%s did not learn within %v what to do with packets of node %s", strings.Join(late, ", "), learnTime, node)
		}
		back := s.EndChance(context.WithoutCancel(ctx), node)
		return exit{exitRefused, errors.Join(fmt.Errorf("%s; the node was not drained", plain.Text(err.Error())), back)}
	}
	if err := s.Drain(ctx, node, operator()); err != nil {
		return exit{exitRefused, err}
	}
	fmt.Fprintf(stdout, "node %s drains, until %s at most\n", plain.Text(node), ends.Format(time.TimeOnly))
	return o.await(ctx, s, node, ends)
}

// drainable refuses a node that cannot be drained.
func drainable(ctx context.Context, s *store.Store, node string) error {
	st, err := s.Standing(ctx)
	if err != nil {
		return err
	}
	p, err := published(ctx, s, st.Policy)
	switch {
	case err != nil:
		return err
	case p == nil:
		return errors.New("nothing is published yet")
	}
	states, err := s.NodeStates(ctx)
	if err != nil {
		return err
	}
	p.Tell(states)
	return p.AsTold().CanDrain(node)
}

// How long other nodes have to learn of it, and how often they are asked.
const (
	learnTime = 30 * time.Second
	askEvery  = 500 * time.Millisecond
)

// others waits until all other nodes that report give a node its second chance, and returns those that do not.
func others(ctx context.Context, s *store.Store, node string) (late []string, err error) {
	for end := time.Now().Add(learnTime); ; {
		reports, err := s.Reports(ctx)
		if err != nil {
			return nil, err
		}
		late = late[:0]
		for name, r := range reports {
			if state := r.Nodes[node]; name != node && state != policy.NodeReturn && state != policy.NodeDrain {
				late = append(late, name)
			}
		}
		slices.Sort(late)
		if len(late) == 0 || time.Now().After(end) {
			return late, nil
		}
		select {
		case <-ctx.Done():
			return late, ctx.Err()
		case <-time.After(askEvery):
		}
	}
}

// await tells how many flows are left, until there are none or the time is over.
func (o *nodeOptions) await(ctx context.Context, s *store.Store, node string, ends time.Time) error {
	told, left := "", -1
	for {
		reports, err := s.Reports(ctx, node)
		r, found := reports[node]
		text := "it does not report"
		switch {
		case err != nil:
			text = err.Error()
		case found && r.Nodes[node] == policy.NodeDrain && r.Flows != nil:
			left = *r.Flows
			text = plain.Count(left, "flow") + " left"
		case found:
			text = "it has not begun yet"
		}
		if text != told {
			fmt.Fprintf(stderr, "node %s: %s\n", plain.Text(node), plain.Text(text))
			told = text
		}
		switch {
		case left == 0:
			if err := s.EndChance(ctx, node); err != nil {
				return exit{exitRefused, err}
			}
			fmt.Fprintf(stdout, "node %s has no flows of services any more: it is drained\n", plain.Text(node))
			return nil
		case time.Now().After(ends):
			return exit{exitRefused, fmt.Errorf("the time is over, and node %s has not ended its connections: %s; the others send it nothing any more", plain.Text(node), plain.Text(text))}
		}
		select {
		case <-ctx.Done():
			return exit{exitRefused, fmt.Errorf("interrupted: node %s goes on draining until %s; `snatctl node undrain` takes it back", plain.Text(node), ends.Format(time.TimeOnly))}
		case <-time.After(askEvery):
		}
	}
}
