package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
)

func uplinkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "uplink",
		Short: "take an uplink out for a while, or have it count as up",
		Long: `Have the agent treat an uplink otherwise than its interface and its check say, for a while or until
it is taken back: for maintenance. Overrides are kept when the agent is started again, and shown by
status, diff and agent status.

The uplink is named as in gateway.uplinks. How all uplinks are, ` + "`snatctl status`" + ` says.

Exit status: 0 done; 1 refused, or no agent holds the table, and nothing was changed; 2 usage.`,
		Example: `  snatctl uplink drain isp1 --for 30m
  snatctl uplink down isp1
  snatctl uplink reset isp1`,
	}
	for _, o := range []struct {
		kind        balance.Kind
		name, short string
		long        string
	}{
		{balance.Drain, "drain", "give an uplink no new connections, and let those that it has go on",
			"Give an uplink no new connections. Those that it has go on, and end by themselves."},
		{balance.ForceDown, "down", "treat an uplink as down, whatever its check says",
			"Treat an uplink as down: new connections leave by others, and its flows go there, too, or end."},
		{balance.ForceUp, "up", "treat an uplink as up, whatever its check says",
			"Treat an uplink as up, whatever its interface and its check say."},
		{agent.Reset, "reset", "take back what was said of an uplink",
			"Take back what drain, down or up said of an uplink."},
	} {
		c.AddCommand(rerouteCommand(o.kind, o.name, o.short, o.long))
	}
	return c
}

// rerouteCommand is the command of one kind of override of uplinks.
func rerouteCommand(kind balance.Kind, name, short, long string) *cobra.Command {
	var table, format string
	var files []string
	o := agent.UplinkOrder{Kind: kind}
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         name + " NAME", Short: short,
		Long:    long + "\n\nExit status: 0 done; 1 refused, or no agent holds the table; 2 usage.",
		Example: "  snatctl uplink " + name + " isp1",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := checkFormat(format); err != nil {
				return err
			}
			if c.Flags().Changed("for") && o.For < time.Second {
				return fmt.Errorf("--for %v is too short: it must be 1s or more", o.For)
			}
			if o.Uplink, o.User = strings.TrimSpace(args[0]), operator(); o.Uplink == "" {
				return fmt.Errorf("%q is no name of an uplink", args[0])
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			return reroute(c, table, format, o)
		},
	}
	tableFlags(c, &table, &files)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	if kind != agent.Reset {
		c.Flags().DurationVar(&o.For, "for", 0, "take it back after this `time`: 30m, 2h; without it, with uplink reset")
	}
	return c
}

// reroute has the agent carry it out, and says what the uplink is then.
func reroute(c *cobra.Command, table, format string, o agent.UplinkOrder) error {
	client, err := orderedAgent(table)
	if err != nil {
		return err
	}
	u, err := client.Reroute(c.Context(), o)
	if err != nil {
		return exit{exitRefused, err}
	}
	if format == "json" {
		return view.JSON(os.Stdout, u)
	}
	return view.Uplink(stdout, u)
}
