package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/compiler"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/findings"
	"github.com/snatctl/snatctl/policy/lint"
	"github.com/snatctl/snatctl/policy/read"
)

const (
	exitFindings = 1
	exitNotRun   = 2
)

type lintOptions struct {
	files         []string
	format        string // empty: by the environment
	strict        bool
	explain       string
	rules         bool
	baseline      string
	writeBaseline bool
	live          bool
	known         addressFlag
}

func lintCommand() *cobra.Command {
	var o lintOptions
	c := &cobra.Command{
		Annotations: map[string]string{heedless: ""},
		Use:         "lint [-f] FILE...",
		Short:       "find what is wrong or unwise in a policy, before it is applied",
		Long: `Check a policy and print what is wrong with it: errors, which keep apply from applying it, and
warnings and infos about what is valid and unwise. Each finding names the line, the rule and a
way out. Several files are one policy, as with apply.

lint reads the policy alone, not the kernel. With --live it also compares the policy with this
host: interfaces, routes, addresses, listeners, chains of other tables, conntrack, and whether
the kernel accepts the table. Nothing is changed. Some of this needs root: without it, lint says
which rules it could not check, and checks the others. If a VIP is the address of an interface,
--live looks it up; otherwise name it with --address.

If a finding is intended, write a comment with the reason; errors cannot be ignored:
  # snatctl:ignore Z04 the lab's own uplink
A baseline accepts the warnings and infos that exist today, so that only new ones show.

Formats: text, json, sarif (2.1.0), github (annotations; the default if GITHUB_ACTIONS=true)
and junit. Findings go to standard output, the summary to standard error.

Exit status: 0 no findings; 1 findings (errors, and with --strict also warnings; infos never
count); 2 could not run: wrong usage, a file that cannot be read, no such rule, or with --live a
host of which nothing can be read.`,
		Example: `  snatctl lint policy.yaml
  snatctl lint --strict --format sarif policy.d > lint.sarif
  snatctl lint --live policy.yaml               # on the gateway, before apply
  snatctl lint --explain Z04                    # what a rule means, with a bad and a good example
  snatctl lint --rules                          # all rules
  snatctl lint policy.yaml --baseline lint.json --write-baseline  # accept today's findings
  snatctl lint policy.yaml --baseline lint.json # show only new ones`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.explain != "" || o.rules {
				return o.tell(os.Stdout, args)
			}
			if o.files, err = policyFiles(o.files, args); err != nil {
				return err
			}
			return o.run(c.Context(), os.Stdout)
		},
	}
	fileFlag(c, &o.files)
	f := c.Flags()
	f.StringVar(&o.format, "format", "", "format of the output: `text|json|sarif|github|junit` (default text; github if GITHUB_ACTIONS=true)")
	f.BoolVar(&o.live, "live", false, "also compare the policy with this host")
	o.known.add(c)
	f.BoolVar(&o.strict, "strict", false, "count warnings as failures, and ask for tests in the policy")
	f.StringVar(&o.explain, "explain", "", "explain the rule with this `CODE`, with a bad and a good example")
	f.BoolVar(&o.rules, "rules", false, "list all rules; also with --format json")
	f.StringVar(&o.baseline, "baseline", "", "accept the findings listed in this `FILE`")
	f.BoolVar(&o.writeBaseline, "write-baseline", false, "write the findings of this run to the file given by --baseline")
	c.MarkFlagsMutuallyExclusive("explain", "rules")
	c.ValidArgsFunction = cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt)
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json", "sarif", "github", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// run lints: load, check, judge by comments and baseline, print.
func (o *lintOptions) run(ctx context.Context, w io.Writer) error {
	print, err := lintFormat(o.format)
	if err != nil {
		return err
	}
	if o.writeBaseline && o.baseline == "" {
		return errors.New("--write-baseline needs a file: name it with --baseline FILE")
	}
	report, err := o.check(ctx)
	if err != nil {
		return exit{exitNotRun, err}
	}
	if o.writeBaseline && !slices.ContainsFunc(report.Findings, func(f findings.Finding) bool { return f.Severity == policy.Error }) {
		return writeBaseline(o.baseline, report.Baseline())
	}
	if o.baseline != "" && !o.writeBaseline {
		if err := acceptBaseline(o.baseline, report); err != nil {
			return exit{exitNotRun, err}
		}
	}
	if err := print(report, w); err != nil {
		return exit{exitNotRun, err}
	}
	fmt.Fprintln(stderr, report.Summary())
	switch {
	case o.writeBaseline:
		return exit{exitFindings, errors.New("no baseline was written: a baseline cannot accept errors, so correct these first")}
	case report.Failed():
		return exit{code: exitFindings}
	}
	return nil
}

// check loads the policy and returns all that is found, or an error if not all could be read.
func (o *lintOptions) check(ctx context.Context) (*findings.Report, error) {
	bar := newBar(4)
	defer bar.Stop()
	bar.Begin("reading the policy")
	p, sources, found := read.LoadDraft(o.files, os.Stdin)
	if unread := slices.DeleteFunc(slices.Clone(found), func(d policy.Diagnostic) bool { return d.Code != "F01" }); len(unread) > 0 {
		bar.Stop()
		for _, d := range unread {
			view.Diagnostic(stderr, d)
		}
		return nil, errors.New("could not read all of the policy; nothing was checked")
	}
	return o.examine(ctx, p, sources, found, bar)
}

// examine returns all that is found in a draft, beside what was found when it was read.
func (o *lintOptions) examine(ctx context.Context, p *policy.Policy, sources []policy.Source, found policy.Diagnostics, bar *view.Bar) (*findings.Report, error) {
	if p != nil {
		bar.Begin("checking")
		look := lint.Check
		if o.strict {
			look = lint.CheckStrict
		}
		found = append(found, lint.Beside(found, look(p))...)
	}
	if p != nil && found.Err() == nil {
		bar.Begin("compiling")
		more, err := o.compile(ctx, p, bar)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	report := &findings.Report{Sources: sources, Rules: catalogue(), Strict: o.strict, Version: version}
	open, ignored := lint.Split(found, sources, lint.Ran{Strict: o.strict, Host: o.live})
	for _, d := range open {
		report.Findings = append(report.Findings, findings.Finding{Diagnostic: d})
	}
	for _, i := range ignored {
		report.Findings = append(report.Findings, findings.Finding{
			Diagnostic: i.Diagnostic, Suppression: findings.Suppression{Kind: findings.InSource, Reason: i.Reason}})
	}
	report.Sort()
	return report, nil
}

// compile returns what the compiler refuses on any node, and with --live what this host shows.
func (o *lintOptions) compile(ctx context.Context, p *policy.Policy, bar *view.Bar) (policy.Diagnostics, error) {
	if !p.Everywhere() {
		return o.compileAt(ctx, p, bar)
	}
	var nodes []string
	if o.known.node != "" || o.live {
		node, err := gateway.NodeOf(o.known.node, p)
		if err != nil {
			return nil, err
		}
		nodes = []string{node}
	} else {
		nodes = p.NodeNames()
	}
	var all policy.Report // most is the same on every node, and told once
	for _, node := range nodes {
		here, d := p.At(node)
		if d != nil {
			return policy.Diagnostics{*d}, nil
		}
		more, err := o.compileAt(ctx, here, bar)
		if err != nil {
			return nil, err
		}
		for _, d := range more {
			all.Add(d)
		}
	}
	return all.Diagnostics(), nil
}

// compileAt does it for a policy as one node carries it out.
func (o *lintOptions) compileAt(ctx context.Context, p *policy.Policy, bar *view.Bar) (policy.Diagnostics, error) {
	p, found, err := o.resolve(p, bar.Stop)
	if p == nil {
		return found, err
	}
	want, found := compiler.Compile(p)
	if !o.live {
		return found, nil
	}
	if want != nil && p.Gateway.Offload == policy.OffloadSoftware {
		compiler.Offload(want, nil) // the kernel is asked for all that the table needs
	}
	bar.Begin("looking at this host")
	there, err := onHost(ctx, p, want, bar.Stop)
	return append(found, there...), err
}

// resolve gives the policy the addresses of its interfaces: the host's, or those of --address. VIPs that
// nobody knows it leaves out, and says so. It returns nil for a policy that contradicts the addresses.
func (o *lintOptions) resolve(p *policy.Policy, quiet func()) (*policy.Policy, policy.Diagnostics, error) {
	facts := o.known.facts
	if o.live {
		has, err := gateway.Facts(p.NodeName(), p)
		if err != nil {
			return nil, nil, err
		}
		if facts.Whole = true; has.Addrs != nil {
			maps.Copy(has.Addrs, facts.Addrs)
			facts.Addrs = has.Addrs
		}
	}
	q, found := p.Resolve(facts)
	if q == nil {
		return nil, found, nil
	}
	if unknown := q.Unresolved(); len(unknown) > 0 {
		quiet()
		tellUnresolved(unknown, "its VIPs are not checked")
	}
	q, _ = q.Resolve(policy.Facts{Whole: true})
	return q, nil, nil
}

// onHost holds a policy and its table against this host. What could not be read it says,
// after making quiet who else may be on the screen.
func onHost(ctx context.Context, p *policy.Policy, want *nft.Ruleset, quiet func()) (policy.Diagnostics, error) {
	h, unread, err := host.Read(ctx, host.Ask{Rules: lint.HostRules(p), Table: p.Gateway.Table, Want: want, Files: lint.CheckFiles(p), Names: lint.CheckNames(p)})
	if len(unread) > 0 {
		quiet()
	}
	for _, u := range unread {
		fmt.Fprintf(stderr, "warning: %s\n", plain.Text(u.Error()))
	}
	if err != nil {
		return nil, err
	}
	return lint.CheckHost(p, h), nil
}

// lintFormat returns the writer of a format.
func lintFormat(name string) (func(*findings.Report, io.Writer) error, error) {
	if name == "" && os.Getenv("GITHUB_ACTIONS") == "true" {
		name = "github"
	}
	switch name {
	case "", "text":
		return func(r *findings.Report, w io.Writer) error { return r.Text(w, colourful(w)) }, nil
	case "json":
		return (*findings.Report).JSON, nil
	case "sarif":
		return (*findings.Report).SARIF, nil
	case "github":
		return (*findings.Report).GitHub, nil
	case "junit":
		return (*findings.Report).JUnit, nil
	}
	return nil, fmt.Errorf("unknown format %q: use text, json, sarif, github or junit", name)
}

// acceptBaseline marks what a baseline knows, and says which of its entries are gone.
func acceptBaseline(path string, report *findings.Report) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w (--write-baseline makes it)", err)
	}
	b, err := findings.ParseBaseline(data)
	if err != nil {
		return fmt.Errorf("%s: %w", plain.Text(path), err)
	}
	for _, line := range report.Accept(b) {
		fmt.Fprintf(stderr, "info: baseline: %s\n", plain.Text(line))
	}
	return nil
}

func writeBaseline(path string, b findings.Baseline) error {
	var text bytes.Buffer
	if _, err := b.WriteTo(&text); err != nil {
		return exit{exitNotRun, err}
	}
	if err := os.WriteFile(path, text.Bytes(), 0o666); err != nil {
		return exit{exitNotRun, err}
	}
	fmt.Fprintf(stderr, "%s accepted in %s\n", plain.Count(b.Len(), "finding"), plain.Text(path))
	return nil
}
