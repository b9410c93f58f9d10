package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/ha"
)

// daemonFlags say how conntrackd is reached.
func daemonFlags(c *cobra.Command, d *gateway.Conntrackd) {
	c.Flags().StringVar(&d.Config, "conntrackd-config", ha.DaemonConfig, "the `file` that conntrackd runs with")
	_ = c.MarkFlagFilename("conntrackd-config", "conf")
}

func haNotifyCommand() *cobra.Command {
	var p gateway.Pair
	var files []string
	var alone bool
	c := &cobra.Command{
		Use:   "notify primary|backup|fault",
		Short: "change the role of this node; keepalived calls it",
		Long: `Do what a change of role asks for. keepalived calls it, and only it needs to.

A backup, and a node with a fault, closes the gate: it forwards nothing that belongs to no flow that it
knows. A primary has conntrackd enter the other node's flows, and persistent services remember their
clients; then it opens the gate (also if that failed, or took longer than --commit-limit each), ends the
flows that contradict the policy in force here, and tells the other node what stands.

Exit status: 0 done, or overtaken by another change; 1 the gate is not as the role wants it, 2 usage,
4 some other step failed (snatctl ha status tells which).`,
		Example:   "  snatctl ha notify primary",
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{string(ha.Primary), string(ha.Backup), string(ha.Fault)},
		RunE: func(c *cobra.Command, args []string) (err error) {
			r := ha.Role(args[0])
			if !slices.Contains(ha.Roles, r) {
				return fmt.Errorf("%q is no role: use primary, backup or fault", args[0])
			}
			if p.Table, err = tableName(p.Table, files); err != nil {
				return err
			}
			p.Sync = !alone
			p.Clean = func(ctx context.Context) (gateway.Cleaned, error) { return cleanSoon(ctx, p.Table, p.StateDir) }
			return notify(c.Context(), &p, r)
		},
	}
	tableFlags(c, &p.Table, &files)
	stateDirFlag(c, &p.StateDir)
	daemonFlags(c, &p.Daemon)
	c.Flags().DurationVar(&p.Limits.Commit, "commit-limit", 5*time.Second, "`time` that entering the flows may take: new connections wait as long")
	c.Flags().BoolVar(&alone, "no-sync", false, "there is no conntrackd: the gate alone")
	return c
}

func notify(ctx context.Context, p *gateway.Pair, r ha.Role) error {
	change, err := p.Become(ctx, r)
	if errors.Is(err, gateway.ErrOvertaken) {
		fmt.Fprintf(stderr, "%s: %v\n", r, err)
		return nil
	}
	if len(change.Steps) > 0 {
		view.RoleChange(stderr, &change)
	}
	if err != nil {
		return exit{exitRefused, err}
	}
	var lost []string
	for _, s := range change.Failed() {
		lost = append(lost, s.Error)
	}
	if len(lost) > 0 {
		return exit{exitIncomplete, errors.New(strings.Join(lost, "; "))}
	}
	return nil
}

// cleanSoon ends the flows that contradict the table in force, here or through the agent that holds it, once
// no apply is at work any more.
func cleanSoon(ctx context.Context, table, stateDir string) (gateway.Cleaned, error) {
	for {
		done, err := cleanBy(ctx, gateway.Hold, table, stateDir)
		var busy *gateway.BusyError
		if !errors.As(err, &busy) {
			return done, err
		}
		select {
		case <-ctx.Done():
			return gateway.Cleaned{}, err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
