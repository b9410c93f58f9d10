package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/api"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
)

type applyOptions struct {
	files    []string
	node     string
	entry    *history.Entry // of the history, in place of files
	command  string         // as the history calls it
	stateDir string
	confirm  time.Duration // how long to wait for that; 0: not at all
	dryRun   bool
	keep     bool // stale flows
	takeOver bool // from an agent
	timings  bool
	format   string
}

func applyCommand() *cobra.Command {
	var o applyOptions
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "apply -f FILE",
		Short:       "bring the kernel to the policy, in one transaction",
		Long: `Compile the policy, compare it with the table in the kernel, and send the difference as one
transaction: the kernel applies all of it or nothing. What does not change is not touched.

Established connections keep their translation if the new policy would make the same one. After
the transaction, apply ends the connections that contradict the policy, and says how many: those
to a real server that its service no longer lists (weight 0 drains instead), those of a service
that is gone, and those with a laddr that their zone or service no longer has. --no-cleanup and
gateway.cleanup: none keep them.

--confirm takes everything back, to exactly the table before, unless you confirm in time: with
Enter, or with ` + "`snatctl confirm`" + ` in another session. This works even if the terminal is lost;
Ctrl-C takes everything back at once.

apply keeps what it applied under --state-dir, for history, rollback and boot. It also switches
on IP forwarding for the families that the policy uses (unless gateway.forwarding is false), and
sets conntrack's accounting, timestamps and events, which reports need (gateway.sysctls).

While an agent holds the table, apply asks it to apply these files now, and reports and exits as
always. If the agent keeps other files, nothing is changed, and the exit status is 6: --take-over
ends the agent first.

With gateway.addresses, apply makes the VIPs and laddrs addresses of this host, by routes or on an
interface, and removes what it made when it is no longer needed.

Exit status: 0 applied, or nothing to do; 1 refused or failed, and the kernel is unchanged; 2 wrong
usage; 4 applied, but some connections that contradict the policy could not be ended; 5 not
confirmed, and taken back; 6 another apply is running. With --dry-run as diff: 0 no difference,
1 differences, 2 error.`,
		Example: `  snatctl apply -f policy.yaml
  snatctl apply -f policy.yaml --dry-run
  snatctl apply -f policy.yaml --confirm 120s
  snatctl apply -f /etc/snatctl/policy.d`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.files, err = policyFiles(o.files, args); err != nil {
				return err
			}
			if err := checkFormat(o.format); err != nil {
				return err
			}
			return o.run(c)
		},
	}
	fileFlag(c, &o.files)
	nodeFlag(c, &o.node)
	o.flags(c)
	c.Flags().BoolVar(&o.timings, "timings", false, "print the seconds of each stage as JSON, last on standard error")
	c.Flags().StringVar(&o.format, "format", "text", "format of the report: `text|json`")
	return c
}

// flags adds the flags that apply and rollback share.
func (o *applyOptions) flags(c *cobra.Command) {
	o.command = c.Name()
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would change, as diff does, and change nothing")
	c.Flags().DurationVar(&o.confirm, "confirm", 0, "take it back unless you confirm within this `time`: 120s, 5m")
	c.Flags().BoolVar(&o.keep, "no-cleanup", false, "keep connections that contradict the policy")
	takeOverFlag(c, &o.takeOver)
	stateDirFlag(c, &o.stateDir)
}

// run applies, or only shows what that would change.
func (o *applyOptions) run(c *cobra.Command) error {
	if c.Flags().Changed("confirm") && o.confirm < time.Second {
		return fmt.Errorf("--confirm %v is too short: it must be 1s or more", o.confirm)
	}
	if o.dryRun {
		return diff(c.Context(), *o)
	}
	if o.confirm == 0 {
		return apply(c.Context(), *o, nil)
	}
	ctx, line, err := openLifeline(c.Context())
	switch {
	case err != nil:
		return exit{exitRefused, err}
	case line == nil:
		return foreground(ctx)
	}
	return apply(ctx, *o, line)
}

// apply is the spine: load and compile the policy, hold the gateway, commit, finish, report.
// Until the commit every failure leaves the kernel as it was. The lifeline is for an apply that
// awaits confirmation.
func apply(ctx context.Context, o applyOptions, line *lifeline) (err error) {
	t := newTimings(7)
	if o.timings {
		defer func() { err = t.last(err) }()
	}
	defer t.bar.Stop()
	w, err := o.load(t)
	if err != nil {
		return exit{exitRefused, err}
	}
	g, err := holdTable(ctx, gateway.Options{Table: w.Ruleset.Table, StateDir: o.stateDir, Tell: t.hear}, o.takeOver)
	if agent := agentIn(err); agent != nil {
		return applyByAgent(ctx, o, w, agent, line, t)
	}
	if err != nil {
		return statusOf(err)
	}
	defer g.Close()
	c, err := g.Commit(ctx, w, gateway.ApplyOptions{Command: o.command, User: operator(), Spare: o.keep, Confirm: o.confirm})
	if err != nil {
		return statusOf(gateway.Unchanged(err))
	}
	if c.Trial != nil {
		line.await(c.Trial)
	}
	r, err := c.Finish(ctx)
	t.bar.Stop()
	lost := t.report(o.format, w.Ruleset.Table, r)
	if c.Trial == nil {
		return errors.Join(statusOf(err), lost)
	}
	if verdict := line.wait(c.Trial); verdict != nil {
		return statusOf(verdict)
	}
	return errors.Join(statusOf(err), lost)
}

// statusOf gives an error of the engine the exit status for it.
func statusOf(err error) error {
	var busy *gateway.BusyError
	var reverted *gateway.RevertedError
	var incomplete *gateway.IncompleteError
	var told *api.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return exit{statusOfKind[told.Kind], err}
	case errors.As(err, &busy):
		return exit{exitBusy, err}
	case errors.As(err, &reverted):
		return exit{exitReverted, err}
	case errors.As(err, &incomplete):
		return exit{exitIncomplete, err}
	}
	return exit{exitRefused, err}
}
