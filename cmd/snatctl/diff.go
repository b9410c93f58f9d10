package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
)

const (
	exitDiffers   = 1
	exitDiffError = 2
)

func diffCommand() *cobra.Command {
	o := applyOptions{stateDir: usualStateDir()}
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "diff -f FILE",
		Short:       "print what apply would change",
		Long: `Compare the policy with the table in the kernel and print what apply would change, and change
nothing. diff lists the policy's objects (+ added, - removed, ~ changed), counts the rules and
elements that change, and says how many live connections apply would end because they contradict
the policy. Changes that somebody made in the kernel by hand show up too, and so do the routes and
addresses of gateway.addresses. What an agent changes because of checks and overrides is no
difference: it is named behind the others.

Exit status: 0 no difference (also if there are connections to end), 1 differences, 2 error.`,
		Example: `  snatctl diff -f policy.yaml
  snatctl diff -f policy.yaml --format json | jq .changes`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.files, err = policyFiles(o.files, args); err != nil {
				return err
			}
			if err := checkFormat(o.format); err != nil {
				return err
			}
			return diff(c.Context(), o)
		},
	}
	fileFlag(c, &o.files)
	nodeFlag(c, &o.node)
	c.Flags().BoolVar(&o.timings, "timings", false, "print the seconds of each stage as JSON, last on standard error")
	c.Flags().StringVar(&o.format, "format", "text", "format of the output: `text|json`")
	return c
}

func diff(ctx context.Context, o applyOptions) (err error) {
	t := newTimings(6)
	if o.timings {
		defer func() { err = t.last(err) }()
	}
	defer t.bar.Stop()
	w, err := o.load(t)
	if err != nil {
		return exit{exitDiffError, err}
	}
	state := stateBy(ctx, w.Ruleset.Table)
	if w, err = inState(w, state); err != nil {
		return exit{exitDiffError, err}
	}
	g, err := gateway.Look(gateway.Options{Table: w.Ruleset.Table, StateDir: o.stateDir, State: state, Tell: t.hear})
	if err != nil {
		return exit{exitDiffError, err}
	}
	defer g.Close()
	r, err := g.Diff(ctx, w, !o.keep)
	if err != nil {
		return exit{exitDiffError, err}
	}
	t.bar.Stop()
	tellAwaiting(w.Ruleset.Table)
	lost := t.report(o.format, w.Ruleset.Table, r)
	if o.format == "text" && state != nil {
		view.Overridden(stdout, keptBy(ctx, w.Ruleset.Table))
	}
	if !r.Empty() {
		return errors.Join(exit{code: exitDiffers}, lost)
	}
	return lost
}
