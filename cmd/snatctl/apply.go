package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/nftlink"
	"github.com/snatctl/snatctl/policy"
)

type applyOptions struct {
	files    []string
	entry    *history.Entry // of the history, in place of files
	command  string         // as the history calls it
	stateDir string
	confirm  time.Duration // how long to wait for that; 0: not at all
	dryRun   bool
	keep     bool // stale flows
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
transaction: the kernel takes all of it or nothing. What does not change is not touched.

Established connections keep their translation if the new policy would also make it. Those
that contradict it are ended after the transaction, and counted: connections to a real server
that its service no longer lists (weight 0 drains instead), of a service that is gone, or with
a laddr that their zone or service no longer has. --no-cleanup and gateway.cleanup: none
keep them.

--confirm takes it all back, to exactly the table that stood, unless it is confirmed in time: by
Enter, or by ` + "`snatctl confirm`" + ` in another session. That survives the loss of the terminal; an
interrupt takes back at once.

What was applied is kept under --state-dir, for history, rollback and boot.

apply also switches on IP forwarding for the families that the policy uses, unless it says
gateway.forwarding: false.

Exit status: 0 applied or nothing to do, 1 refused or failed and the kernel is unchanged,
2 usage, 4 applied but some connections that contradict the policy could not be ended,
5 not confirmed and taken back, 6 another apply is running. With --dry-run as diff: 0 no difference, 1 differences,
2 error.`,
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
	o.flags(c)
	c.Flags().BoolVar(&o.timings, "timings", false, "print the seconds of each stage as JSON, last on standard error")
	c.Flags().StringVar(&o.format, "format", "text", "of the report: text or json")
	return c
}

// flags adds the flags that apply and rollback share.
func (o *applyOptions) flags(c *cobra.Command) {
	o.command = c.Name()
	c.Flags().BoolVar(&o.dryRun, "dry-run", false, "print what would change, as diff does, and change nothing")
	c.Flags().DurationVar(&o.confirm, "confirm", 0, "take it back unless confirmed within this time: 120s, 5m")
	c.Flags().BoolVar(&o.keep, "no-cleanup", false, "keep connections that contradict the policy")
	stateDirFlag(c, &o.stateDir)
}

// run applies, or only shows what that would change.
func (o *applyOptions) run(c *cobra.Command) error {
	if c.Flags().Changed("confirm") && o.confirm < time.Second {
		return fmt.Errorf("--confirm %v is no time to confirm: want 1s or more", o.confirm)
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

// apply is the spine: load, compile, read, diff, commit, clean up. Every failure before the
// cleanup leaves the kernel as it was. The lifeline is for an apply that awaits confirmation.
func apply(ctx context.Context, o applyOptions, line *lifeline) (err error) {
	t := newTimings(6)
	if o.timings {
		defer func() { err = t.last(err) }()
	}
	defer t.bar.stop()
	p, want, srcs, err := o.load(&t, exitRefused)
	if err != nil {
		return err
	}
	held, err := lock(want.Table)
	if err != nil {
		return err
	}
	defer held.Release()
	conn, err := nftlink.Open()
	if err != nil {
		return exit{exitRefused, err}
	}
	defer conn.Close()
	if err := offload(ctx, conn, p, want); err != nil {
		t.bar.stop()
		return exit{exitRefused, fmt.Errorf("%w; nothing was changed", err)}
	}

	c, err := commit(ctx, conn, want, o.confirm > 0, func() (func(), error) { return forwardingOn(p, want, t.bar.stop) }, &t)
	began := time.Now()
	t.bar.stop()
	if err != nil {
		return exit{exitRefused, unchanged(err)}
	}
	d, unmeasured := measure(c.was, want, c.plan, &t)
	if o.confirm == 0 || c.plan.Empty() {
		o.record(want, srcs, d, history.Applied, &t)
		return cmp.Or(o.finish(ctx, conn, p, want, c, d, &t), unmeasured)
	}
	trial := trial{lock: held, line: line, change: c, want: want, cleanup: o.cleans(p), began: began, limit: o.confirm}
	going := trial.start(ctx)
	trial.recorded <- o.record(want, srcs, d, history.Unconfirmed, &t)
	finished := o.finish(going, conn, p, want, c, d, &t)
	return cmp.Or(trial.wait(), finished, unmeasured)
}

// cleans tells whether flows that contradict the policy end.
func (o applyOptions) cleans(p *policy.Policy) bool {
	return !o.keep && p.Gateway.Cleanup != policy.CleanupNone
}

// finish does what comes after the transaction, and reports.
func (o applyOptions) finish(ctx context.Context, conn *nftlink.Conn, p *policy.Policy, want *nft.Ruleset, c change, d difference, t *timings) (err error) {
	if c.was != nil && !c.plan.Empty() {
		settle(t)
	}
	releaseClients(ctx, conn, p, want, t)
	accountingOn(p)
	var stale staleFlows
	if o.cleans(p) {
		stale, err = cleanup(ctx, c.was, want, t)
		t.bar.stop()
	}
	defer func(start time.Time) { t.Report = since(start) }(time.Now())
	lost := report(o.format, want.Table, d, c.plan, stale, true)
	if err == nil {
		return lost
	}
	err = exit{exitIncomplete, fmt.Errorf("the policy is in force, but connections that contradict it may be left: %w; apply again to end them (it no longer recognizes connections of a service or laddr that is gone: see `conntrack -L`)", err)}
	return errors.Join(err, lost)
}
