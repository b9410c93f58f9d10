package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/read"
)

// fileFlag adds -f/--file, which may be repeated.
func fileFlag(c *cobra.Command, files *[]string) {
	c.Flags().StringArrayVarP(files, "file", "f", nil, "read the policy from this `FILE`, a directory (its *.yaml and *.yml), or - for standard input; may be repeated")
	c.ValidArgsFunction = cobra.NoFileCompletions
	_ = c.MarkFlagFilename("file", "yaml", "yml")
}

// nodeFlag adds --node, for commands that a policy means something else to on each node.
func nodeFlag(c *cobra.Command, node *string) {
	c.Flags().StringVar(node, "node", "", "if the policy has nodes: `name` of the one that is meant (default: what /etc/snatctl/node says, otherwise the host name)")
}

// policyFiles takes files from -f and from the arguments alike.
func policyFiles(flags, args []string) ([]string, error) {
	files := append(append([]string(nil), flags...), args...)
	if len(files) == 0 {
		return nil, errors.New("no policy given: name it with -f FILE")
	}
	return files, nil
}

// facts tells what a policy asks of the host that it is for.
type facts func(*policy.Policy) (policy.Facts, error)

// factsAt looks up what a policy asks of this host, as the node of a name; empty: the host knows.
func factsAt(node string) facts {
	return func(p *policy.Policy) (policy.Facts, error) { return gateway.Facts(node, p) }
}

// load reads and compiles the policy of some files. Nobody needs the files themselves.
func load(files []string, on facts) (*gateway.Wanted, error) {
	if err := roomFor(files); err != nil {
		return nil, err
	}
	return compiled(new(timings), on, func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
		p, ds := read.Load(files, os.Stdin)
		return p, nil, ds
	})
}

// load reads and compiles what is to be applied: files, or an entry of the history.
func (o applyOptions) load(t *timings) (*gateway.Wanted, error) {
	if o.entry == nil {
		if err := roomFor(o.files); err != nil {
			return nil, err
		}
		return compiled(t, factsAt(o.node), func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
			return read.LoadSources(o.files, os.Stdin)
		})
	}
	srcs, err := history.Open(o.stateDir).Sources(*o.entry)
	if err != nil {
		return nil, fmt.Errorf("read entry %d of the history: %w; nothing was changed", o.entry.ID, err)
	}
	size := 0
	for _, src := range srcs {
		size += len(src.Data)
	}
	makeRoom(int64(size))
	return compiled(t, factsAt(o.entry.Facts.Node), func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
		p, ds := read.Parse(srcs)
		return p, srcs, ds
	})
}

// roomFor makes room for files, or refuses them where there is none.
func roomFor(files []string) error {
	if err := fits(files); err != nil {
		return fmt.Errorf("%w; nothing was changed", err)
	}
	makeRoom(sizeOf(files))
	return nil
}

// compiled reads and compiles a policy. Findings go to standard error.
func compiled(t *timings, on facts, read func() (*policy.Policy, []policy.Source, policy.Diagnostics)) (*gateway.Wanted, error) {
	t.hear(gateway.Stage("reading the policy"))
	start := time.Now()
	p, srcs, ds := read()
	t.Load = since(start)
	if len(ds) > 0 {
		t.bar.Stop()
	}
	p, err := judge(p, ds)
	if err != nil {
		return nil, fmt.Errorf("%w; nothing was changed", err)
	}
	t.hear(gateway.Stage("compiling"))
	start = time.Now()
	has, err := on(p)
	if err != nil {
		return nil, fmt.Errorf("look up what the policy asks of this host: %w; nothing was changed", err)
	}
	w, more := gateway.CompileFor(has, p, srcs)
	t.Compile = since(start)
	if len(more) > 0 {
		t.bar.Stop()
	}
	for _, d := range more {
		view.Diagnostic(stderr, d)
	}
	if w == nil {
		return nil, fmt.Errorf("policy cannot be carried out: %s; nothing was changed", plain.Count(more.Errors(), "error"))
	}
	return w, nil
}

// readPolicy reads a policy. Findings go to standard error.
func readPolicy(files []string) (*policy.Policy, error) {
	return judge(read.Load(files, os.Stdin))
}

// readDraft reads a policy for those who mend it: rules about whole objects may refuse it.
func readDraft(files []string) (*policy.Policy, error) {
	p, _, ds := read.LoadDraft(files, os.Stdin)
	if p == nil {
		return judge(nil, ds)
	}
	return p, nil
}

// at returns what a node carries out of a policy; without a name this machine.
func at(node string, p *policy.Policy) (*policy.Policy, error) {
	if len(p.Nodes) == 0 {
		return p, nil
	}
	node, err := gateway.NodeOf(node, p)
	if err != nil {
		return nil, err
	}
	here, d := p.At(node)
	if d != nil {
		return judge(nil, policy.Diagnostics{*d})
	}
	return here, nil
}

// judge prints what was found, and turns an invalid policy into an error.
func judge(p *policy.Policy, ds policy.Diagnostics) (*policy.Policy, error) {
	for _, d := range ds {
		view.Diagnostic(stderr, d)
	}
	if p == nil {
		return nil, fmt.Errorf("invalid policy: %s", plain.Count(ds.Errors(), "error"))
	}
	return p, nil
}
