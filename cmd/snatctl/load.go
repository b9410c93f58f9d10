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
		return compiled(t, gateway.Facts, func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
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
	return compiled(t, gateway.Facts, func() (*policy.Policy, []policy.Source, policy.Diagnostics) {
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
		return nil, fmt.Errorf("look up the addresses that the policy has for VIPs: %w; nothing was changed", err)
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
