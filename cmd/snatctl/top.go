package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
)

func topCommand() *cobra.Command {
	var table string
	var files []string
	var every time.Duration
	c := &cobra.Command{
		Use:   "top",
		Short: "show who has the most flows and bytes, live and sortable",
		Long: `Show on a terminal which zones, services, real servers, laddrs, clients or destinations have
the most flows, new connections or bytes per second.

Keys: 1 to 6 or tab choose what is listed; f, n, b or left and right choose how it is sorted; up,
down, page up and page down scroll; / filters, space freezes the screen, + and - change the
interval, ? shows help, q ends.

top lists the kernel's flows once per interval. Rates are exact: conntrack events tell what was
carried by connections that ended between two lists. For this, nf_conntrack_acct and
nf_conntrack_events should be 1, as apply sets them. If events are lost, the screen says how
many, and rates pause until two lists can be compared again. The interval grows if needed, so
that listing takes at most a fifth of the time.

Exit status: 0 ended, 1 no table or the kernel could not be asked, 2 usage, no terminal.`,
		Example: `  snatctl top
  snatctl top --interval 5s`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if every < view.FastestTop || every > view.SlowestTop {
				return fmt.Errorf("--interval %v: want %v to %v", every, view.FastestTop, view.SlowestTop)
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			if !isTerminal(os.Stdin) || !isTerminal(os.Stdout) {
				return errors.New("top needs a terminal on standard input and output: elsewhere use `snatctl status --watch 2s`")
			}
			if err := top(c.Context(), table, every); err != nil {
				return exit{exitRefused, err}
			}
			return nil
		},
	}
	tableFlags(c, &table, &files)
	c.Flags().DurationVar(&every, "interval", 2*time.Second, "`time` between two lists")
	return c
}

// top shows the screen until the user or a signal ends it.
func top(ctx context.Context, table string, every time.Duration) error {
	staySmall()
	r, p, err := standing(ctx, table)
	if err != nil {
		return err
	}
	defer r.Close()
	m, err := gateway.NewMeter(r, p)
	if err != nil {
		return err
	}
	defer m.Close()
	return view.NewTop(every).Run(ctx, m, func(ctx context.Context) *report.Kept { return keptQuietly(ctx, table) })
}
