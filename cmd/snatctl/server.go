package main

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/api"
	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/inet"
)

func serverCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "server",
		Short: "take a real server out for a while, or give it another weight",
		Long: `Have the agent treat a real server otherwise than the policy and its check say, for a while or until
it is taken back: for maintenance. Overrides are kept when the agent is started again, and shown by
status, diff and agent status. The policy's weight and the state of the check stay as they are.

The service is named as in the policy, the real server by its address, with the port where the
service has several of that address.

Exit status: 0 done; 1 refused, or no agent holds the table, and nothing was changed; 2 usage.`,
		Example: `  snatctl server drain web 192.168.1.1 --for 30m
  snatctl server weight 5 web 192.168.1.1:8080
  snatctl server reset web 192.168.1.1`,
	}
	for _, o := range []struct {
		kind        balance.Kind
		use, short  string
		long, after string
	}{
		{balance.Drain, "drain SERVICE ADDRESS[:PORT]", "give a real server no new connections, and let its flows end by themselves",
			"Give a real server weight 0: it keeps its flows, and gets no new ones.", ""},
		{balance.ForceDown, "down SERVICE ADDRESS[:PORT]", "treat a real server as down, whatever its check says",
			"Treat a real server as its service does one whose check failed: it gets no new connections, and\non_down says what becomes of its flows.", ""},
		{balance.ForceUp, "up SERVICE ADDRESS[:PORT]", "treat a real server as up, whatever its check says",
			"Treat a real server as up, whatever its check says.", ""},
		{balance.SetWeight, "weight N SERVICE ADDRESS[:PORT]", "give a real server another weight",
			"Give a real server another weight than the policy does. Its check counts as before.", "3 "},
		{agent.Reset, "reset SERVICE ADDRESS[:PORT]", "take back what was said of a real server",
			"Take back what drain, down, up or weight said of a real server.", ""},
	} {
		c.AddCommand(orderCommand(o.kind, o.use, o.short, o.long, o.after))
	}
	return c
}

// mostWeight is the largest weight, as in a policy.
const mostWeight = 65535

// orderCommand is the command of one kind of override.
func orderCommand(kind balance.Kind, use, short, long, weight string) *cobra.Command {
	var table, format string
	var files []string
	o := agent.Order{Kind: kind}
	name, _, _ := strings.Cut(use, " ")
	args := 2
	if kind == balance.SetWeight {
		args = 3
	}
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         use, Short: short,
		Long:    long + "\n\nExit status: 0 done; 1 refused, or no agent holds the table; 2 usage.",
		Example: "  snatctl server " + name + " " + weight + "web 192.168.1.1",
		Args:    cobra.ExactArgs(args),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := checkFormat(format); err != nil {
				return err
			}
			if c.Flags().Changed("for") && o.For < time.Second {
				return fmt.Errorf("--for %v is too short: it must be 1s or more", o.For)
			}
			if kind == balance.SetWeight {
				if o.Weight, err = strconv.Atoi(args[0]); err != nil || o.Weight < 0 || o.Weight > mostWeight {
					return fmt.Errorf("%q is not a weight: use 0 to %d", args[0], mostWeight)
				}
				args = args[1:]
			}
			o.Service, o.Server, o.User = args[0], args[1], operator()
			if _, err := inet.ParseEndpoint(o.Server); err != nil {
				return err
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			return order(c, table, format, o)
		},
	}
	tableFlags(c, &table, &files)
	c.Flags().StringVar(&format, "format", "text", "format of the output: `text|json`")
	if kind != agent.Reset {
		c.Flags().DurationVar(&o.For, "for", 0, "take it back after this `time`: 30m, 2h; without it, with server reset")
	}
	return c
}

// order has the agent carry it out, and says what the service is then.
func order(c *cobra.Command, table, format string, o agent.Order) error {
	client, err := orderedAgent(table)
	if err != nil {
		return err
	}
	s, err := client.Override(c.Context(), o)
	if err != nil {
		return exit{exitRefused, err}
	}
	if format == "json" {
		return view.JSON(os.Stdout, s)
	}
	at, _ := inet.ParseEndpoint(o.Server) // it was parsed before
	return view.Ordered(stdout, s, netip.AddrPortFrom(at.Addr(), at.Port()))
}

// orderedAgent is the agent that holds a table, for those who want something of it.
func orderedAgent(table string) (*api.Client, error) {
	client := agentOf(table)
	if client == nil {
		return nil, exit{exitRefused, fmt.Errorf("no agent holds table inet %s in this network namespace, and only an agent can do that (`snatctl agent -f FILE` is one); nothing was changed", table)}
	}
	return client, nil
}
