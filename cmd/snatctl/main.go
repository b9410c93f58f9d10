// Command snatctl turns a Linux machine into a NAT gateway and layer-4 load balancer by one
// declarative policy. See README.md.
//
// A command is a file of its name: flags, one call, a report, an exit status. What it prints is
// made by package view. Commands share these files:
//
//	main.go       the root, exit statuses, signals
//	load.go       -f/--file: reading and compiling policies
//	addresses.go  --address: what interfaces have that are VIPs
//	etcd.go       --etcd and --key: where a fleet keeps its policy; --node
//	table.go      --table: which table to look at
//	selection.go  --zone, --service and the like: which flows
//	values.go     values of flags: formats, sizes
//	operator.go   --state-dir, and who runs this
//	timings.go    --timings: what the engine tells, with the seconds of each stage
//	outlet.go     standard output and standard error, and what happens when nobody can read them
//	memory.go     what the process may hold
//	lifeline.go   --confirm: the two processes of an apply that awaits confirmation
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run()) }

func run() int {
	tuneMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not listen, as reading a pipe
	c := root()
	c.PersistentPreRun = func(c *cobra.Command, _ []string) {
		if _, ok := c.Annotations[heedless]; ok {
			signal.Reset(os.Interrupt, syscall.SIGTERM) // the first one ends it
		}
	}
	c, err := c.ExecuteContextC(ctx)
	if lost := lostReport(err); lost != nil {
		err = without(c, err, lost)
	}
	var t timed
	if errors.As(err, &t) {
		defer t.timings.print()
	}
	var status exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		if status.err != nil {
			fmt.Fprintln(stderr, "snatctl: "+errorText(status.err))
		}
		return status.code
	}
	fmt.Fprintln(stderr, "snatctl: "+errorText(err))
	fmt.Fprintln(stderr, "try 'snatctl --help'")
	return exitUsage
}

// heedless marks commands that have nothing to put right when a signal comes.
const heedless = "heedless"

// The exit statuses that all commands share.
const (
	exitRefused    = 1 // the policy is invalid, or the kernel refused; nothing has changed
	exitUsage      = 2
	exitIncomplete = 4 // applied, but stale flows are left
	exitReverted   = 5 // not confirmed, and taken back
	exitBusy       = 6 // another apply is running
	exitOlder      = 7 // boot had to apply an older policy than the last good one
)

// exit is an error that ends the program with a status of its own. A nil err says nothing.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// Unwrap returns what happened.
func (e exit) Unwrap() error { return e.err }

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "snatctl",
		Short: "NAT gateway and layer-4 load balancer from one policy file",
		Long: `snatctl turns a Linux machine into a NAT gateway and layer-4 load balancer.

A YAML policy names zones (who may leave, and with which addresses), services (virtual
addresses and the real servers behind them) and laddrs (pools of local addresses).
snatctl compiles it into one nftables table and brings the kernel to it in one
transaction. Packets need only the table; a history of policies is kept for rollback.`,
		Example: `  snatctl lint policy.yaml          # what is wrong or unwise
  snatctl diff  -f policy.yaml      # what would change
  snatctl apply -f policy.yaml      # change it
  snatctl status                    # see it work`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	for _, g := range []struct {
		id, title string
		commands  []*cobra.Command
	}{
		{"day", "Every day:", []*cobra.Command{lintCommand(), diffCommand(), applyCommand(), confirmCommand(), statusCommand(), rollbackCommand(), historyCommand(), serverCommand(), uplinkCommand()}},
		{"fleet", "Many gateways:", []*cobra.Command{publishCommand(), nodesCommand(), nodeCommand(), haCommand()}},
		{"look", "Who talks to whom:", []*cobra.Command{flowsCommand(), lookupCommand(), watchCommand(), topCommand()}},
		{"policy", "About the policy alone:", []*cobra.Command{explainCommand(), testCommand(), fmtCommand(), compileCommand(), translateCommand(), fleetCommand(), schemaCommand()}},
		{"other", "Set up and take down:", []*cobra.Command{agentCommand(), bootCommand(), cleanupCommand(), flushCommand(), versionCommand(), completionCommand()}},
	} {
		c.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, sub := range g.commands {
			sub.GroupID = g.id
		}
		c.AddCommand(g.commands...)
	}
	cobra.EnableCommandSorting = false
	setHelp(c)
	c.SetHelpCommandGroupID("other")
	c.CompletionOptions.DisableDefaultCmd = true
	return c
}
