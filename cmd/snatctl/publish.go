package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/fleet/store"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/findings"
	"github.com/snatctl/snatctl/policy/read"
)

type publishOptions struct {
	files  []string
	etcd   etcdOptions
	canary []string
	wait   time.Duration
	strict bool
	known  addressFlag
	back   int64 // the number of a policy of the history, in place of files; 0: files
}

// How publishing goes on.
const (
	publishPatience = 15 * time.Second // with an etcd that elects a leader, or is gone for a moment
	chunkGrace      = time.Hour        // for nodes that still fetch an older policy
)

func publishCommand() *cobra.Command {
	o := publishOptions{}
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "publish -f FILE --etcd ENDPOINTS --key PREFIX",
		Short:       "give a fleet a policy, by etcd",
		Long: `Publish a policy in etcd, where the agents of a fleet follow it (snatctl agent --etcd).

First the policy is linted and its tests are run, as by snatctl lint and snatctl test: with an error
or a failed test nothing is published. Then it is written in chunks, and last in one transaction the
pointer that names them, so that nodes see the policy before or this one. If somebody else has
published meanwhile, nothing is changed.

With --canary the nodes that are named get the policy first. The others follow once --wait is over,
if these have applied it and no service of theirs has lost its quorum in that time. If not, or if the
command is interrupted, it is taken back there, and the command says why.

With --rollback a policy of the fleet's history is published again, under a new number, in the same
way. The history has the last 20; one that it does not have is answered by a list of these.

Exit status: 0 published, or the fleet has this policy already; 1 refused, or the canary has failed,
and the fleet has the policy that it had; 2 usage; 6 somebody else publishes at the same time.`,
		Example: `  snatctl publish -f policy.yaml --etcd https://etcd1:2379,https://etcd2:2379 --key /snatctl/prod
  snatctl publish -f policy.yaml --etcd https://etcd1:2379 --key /snatctl/prod --canary gw1 --wait 60s
  snatctl publish --rollback 41 --etcd https://etcd1:2379 --key /snatctl/prod`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			switch {
			case !c.Flags().Changed("rollback"):
				if o.files, err = policyFiles(o.files, args); err != nil {
					return err
				}
			case len(o.files)+len(args) > 0:
				return errors.New("--rollback publishes a policy of the fleet's history: give no files")
			case o.back < 1:
				return fmt.Errorf("--rollback %d: policies are counted from 1", o.back)
			}
			if len(o.canary) == 0 && c.Flags().Changed("wait") {
				return errors.New("--wait is about --canary: give it, too")
			}
			if o.wait < time.Second {
				return fmt.Errorf("--wait %v is too short: it must be 1s or more", o.wait)
			}
			return o.run(c.Context())
		},
	}
	fileFlag(c, &o.files)
	etcdFlags(c, &o.etcd)
	c.Flags().StringSliceVar(&o.canary, "canary", nil, "give it to these `nodes` first, separated by commas")
	c.Flags().DurationVar(&o.wait, "wait", time.Minute, "with --canary: watch them for this `time`")
	c.Flags().BoolVar(&o.strict, "strict", false, "publish nothing if lint has warnings")
	c.Flags().Int64Var(&o.back, "rollback", 0, "publish the policy with this `number` of the fleet's history again, in place of files")
	o.known.add(c)
	return c
}

func (o *publishOptions) run(ctx context.Context) error {
	s, client, _, err := o.etcd.open(publishPatience)
	if err != nil {
		return err
	}
	defer client.Close()
	if client.InClear() {
		fmt.Fprintln(stderr, "warning: the password for etcd can be read on the way: "+inClear)
	}
	files, err := o.judge(ctx, s)
	if err != nil {
		return err
	}
	b, err := s.Prepare(ctx, files, operator(), time.Now())
	if err != nil {
		return unpublished(err)
	}
	if b.Unchanged() {
		fmt.Fprintf(stdout, "the fleet has this policy already: number %d, of %s\n", b.Before.Number, plain.Text(b.Before.User))
		return nil
	}
	if len(o.canary) > 0 {
		slices.Sort(o.canary)
		err = b.Canary(ctx, slices.Compact(o.canary), o.wait, func(line string) { fmt.Fprintln(stderr, plain.Text(line)) })
	} else {
		err = b.Publish(ctx)
	}
	if err != nil {
		return unpublished(err)
	}
	view.Published(stdout, b)
	if err := s.Tidy(ctx, chunkGrace); err != nil {
		fmt.Fprintf(stderr, "warning: what nobody needs any more is left in etcd until the next time: %s\n", plain.Text(err.Error()))
	}
	return nil
}

// unpublished gives what went wrong its exit status.
func unpublished(err error) error {
	var overtaken *store.OvertakenError
	var canary *store.CanaryError
	var failed *store.FailedError
	switch {
	case errors.As(err, &failed):
		return exit{exitRefused, fmt.Errorf("%w; the fleet has the policy that it had", err)}
	case errors.As(err, &overtaken), errors.As(err, &canary):
		return exit{exitBusy, fmt.Errorf("%w; nothing was changed", err)}
	case store.Unknown(err):
		return exit{exitRefused, fmt.Errorf("%w; it is not known whether the policy is published: `snatctl nodes` tells once etcd answers", err)}
	}
	return exit{exitRefused, fmt.Errorf("%w; nothing was changed", err)}
}

// judge lints the policy and runs its tests. It returns the files if they may be published.
func (o *publishOptions) judge(ctx context.Context, s *store.Store) ([]policy.Source, error) {
	p, files, found, err := o.load(ctx, s)
	if err != nil {
		return nil, exit{exitRefused, fmt.Errorf("%w; nothing was published", err)}
	}
	l := lintOptions{strict: o.strict, known: o.known}
	report, err := l.examine(ctx, p, files, found, newBar(4))
	if err != nil {
		return nil, exit{exitRefused, fmt.Errorf("%w; nothing was published", err)}
	}
	report.Findings = slices.DeleteFunc(report.Findings, func(f findings.Finding) bool { return f.Severity == policy.Info })
	if len(report.Findings) > 0 {
		if err := report.Text(stderr, colourful(os.Stderr)); err != nil {
			return nil, err
		}
	}
	if report.Failed() {
		return nil, exit{exitRefused, errors.New("lint refuses the policy: " + report.Summary() + "; nothing was published")}
	}
	if err := o.test(p); err != nil {
		return nil, err
	}
	return named(files), nil
}

// load reads what is to be published.
func (o *publishOptions) load(ctx context.Context, s *store.Store) (*policy.Policy, []policy.Source, policy.Diagnostics, error) {
	if o.back == 0 {
		p, files, found := read.LoadDraft(o.files, os.Stdin)
		return p, files, found, nil
	}
	past, err := s.Past(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	var has []string
	for _, p := range past {
		if p.Number == o.back {
			files, err := s.Files(ctx, p)
			if err != nil {
				return nil, nil, nil, err
			}
			out, found := read.ParseDraft(files)
			return out, files, found, nil
		}
		has = append(has, fmt.Sprintf("%d of %s, %s", p.Number, p.User, p.Time.Format(time.DateTime)))
	}
	if len(has) == 0 {
		return nil, nil, nil, errors.New("nothing was published yet")
	}
	return nil, nil, nil, fmt.Errorf("policy %d is not in the history, which has (UTC) %s", o.back, plain.Text(strings.Join(has, "; ")))
}

// test runs the tests of a policy as each of its nodes.
func (o *publishOptions) test(p *policy.Policy) error {
	nodes := []string{""}
	if p.Everywhere() {
		nodes = p.NodeNames()
	}
	for _, node := range nodes {
		as := addressFlag{facts: o.known.facts, node: node}
		here, err := as.resolve(p, "no test calls them")
		if err != nil {
			return exit{exitRefused, fmt.Errorf("%w; nothing was published", err)}
		}
		outcomes := here.RunTests()
		if !slices.ContainsFunc(outcomes, policy.Outcome.Failed) {
			continue
		}
		if err := view.Tests(stderr, outcomes); err != nil {
			return err
		}
		if node != "" {
			node = " on node " + node
		}
		return exit{exitRefused, fmt.Errorf("tests of the policy fail%s; nothing was published", node)}
	}
	return nil
}

// named gives files the names that nodes are shown: without directories, where that tells them apart.
func named(files []policy.Source) []policy.Source {
	seen := map[string]int{}
	for _, f := range files {
		seen[filepath.Base(f.Name)]++
	}
	out := slices.Clone(files)
	for i, f := range out {
		if base := filepath.Base(f.Name); seen[base] == 1 {
			out[i].Name = base
		}
	}
	return out
}
