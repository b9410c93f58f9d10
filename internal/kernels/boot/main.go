// Boot runs snatctl's tests on Debian's kernels, in virtual machines, and prints what passed
// where.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/snatctl/snatctl/internal/kernels"
)

// options are what the flags say.
type options struct {
	kernels, nft, run, skip, doc string
	quick, optional              bool
	modules, program             []string
	limit                        time.Duration
	guest                        kernels.Guest
}

func main() {
	var o options
	flag.StringVar(&o.kernels, "kernel", "", "kernels, by series, separated by commas; empty: all")
	flag.StringVar(&o.nft, "nft", "", "nft to use, by version; empty: that of the kernel's release")
	flag.StringVar(&o.run, "run", "", "run tests that match, as go test does")
	flag.StringVar(&o.skip, "skip", "", "leave out tests that match")
	flag.BoolVar(&o.quick, "quick", false, "run a few tests that touch everything that kernels differ in")
	flag.BoolVar(&o.optional, "optional", false, "where no virtual machine can be had, or it is too slow, say so and succeed")
	flag.DurationVar(&o.limit, "limit", 30*time.Minute, "give up on a kernel after that long")
	flag.IntVar(&o.guest.MemoryMB, "memory", 2048, "MiB of memory of a guest")
	flag.IntVar(&o.guest.CPUs, "cpus", 2, "processors of a guest")
	flag.StringVar(&o.guest.Cache, "cache", "", "directory for kernels and programs; empty: snatctl-kernels in the user's cache")
	flag.StringVar(&o.doc, "doc", "", "write the results into this document's table")
	logs := flag.String("logs", "bin/kernels", "directory for what the tests print")
	modules := flag.String("modules", "", "modules to load first, separated by commas; others load when they are asked for")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "usage: boot [flags] [program argument...]\n\nWithout a program it runs the tests. A program finds this tree without its Go files in /src, where it\nstarts, and snatctl in /job/snatctl.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.program = flag.Args()
	if *modules != "" {
		o.modules = strings.Split(*modules, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failed, err := boot(ctx, o, *logs)
	switch {
	case errors.Is(err, kernels.ErrMissing) && o.optional:
		fmt.Println("SKIPPED:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	case failed:
		os.Exit(1)
	}
}

// boot runs the tests on all chosen kernels and tells whether one failed.
func boot(ctx context.Context, o options, logs string) (failed bool, err error) {
	guests, err := chosen(o)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp("", "snatctl-kernels-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return false, err
	}
	job, err := build(ctx, dir, o)
	if err != nil {
		return false, err
	}
	var all []row
	for _, g := range guests {
		fmt.Printf("kernel %s, nft %s\n", g.Kernel.Kernel, g.Userland.NFT)
		out, err := one(ctx, o, g, job, filepath.Join(logs, g.Kernel.Kernel+"-nft-"+g.Userland.NFT+".log"))
		if err == nil && o.optional && len(out.failed) > 0 {
			err = again(ctx, o, dir, logs, &out)
		}
		if err != nil {
			return false, err
		}
		failed = failed || out.bad()
		all = append(all, out.row())
	}
	fmt.Printf("\n%s\n", render(all).Render())
	if o.doc != "" {
		err = writeDoc(o.doc, all)
	}
	return failed, err
}

// again runs the tests that failed once more, on a guest that does nothing else. Without
// hardware support a guest is so slow that a test may run out of time or patience.
func again(ctx context.Context, o options, dir, logs string, out *outcome) error {
	o.run = "^(" + strings.Join(out.failed, "|") + ")$"
	job, err := build(ctx, dir, o)
	if err != nil {
		return err
	}
	fmt.Println("  once more:", strings.Join(out.failed, ", "))
	second, err := one(ctx, o, out.guest, job, filepath.Join(logs, out.guest.Kernel.Kernel+"-again.log"))
	if err == nil && !second.bad() && second.passed >= len(out.failed) {
		out.passed += len(out.failed)
		out.failed = nil
	}
	return err
}

func chosen(o options) (guests []kernels.Guest, err error) {
	names := strings.Split(o.kernels, ",")
	if o.kernels == "" {
		names = nil
		for _, r := range kernels.Releases() {
			if r.Kernel != "" {
				names = append(names, r.Kernel)
			}
		}
	}
	for _, name := range names {
		g, err := kernels.Find(name, o.nft)
		if err != nil {
			return nil, err
		}
		g.MemoryMB, g.CPUs, g.Cache = o.guest.MemoryMB, o.guest.CPUs, o.guest.Cache
		guests = append(guests, g)
	}
	return guests, nil
}

// one runs the job on one guest. A guest that goes down is an outcome, too.
func one(ctx context.Context, o options, g kernels.Guest, job kernels.Job, log string) (outcome, error) {
	out := outcome{guest: g}
	f, err := os.Create(log)
	if err != nil {
		return out, err
	}
	defer f.Close()
	if err := g.Prepare(ctx); err != nil {
		return out, err
	}
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	start := time.Now()
	sink := io.MultiWriter(f, &out)
	if len(o.program) > 0 {
		sink = io.MultiWriter(sink, os.Stdout)
	}
	statuses, err := g.Run(limited, job, sink)
	out.took = time.Since(start)
	switch {
	case ctx.Err() != nil || errors.Is(err, kernels.ErrMissing):
		return out, err
	case o.optional && limited.Err() != nil && len(out.failed) == 0:
		fmt.Printf("STOPPED: this machine is too slow to do it all in %s; what ran passed\n", o.limit)
		statuses = nil
	case err != nil:
		fmt.Fprintln(f, err)
		fmt.Println(err)
		out.broken = true
	}
	for _, s := range statuses {
		out.broken = out.broken || s != 0 && len(out.failed) == 0
	}
	fmt.Printf("  %d passed, %d failed, %d skipped in %s; all that was printed: %s\n", out.passed, len(out.failed), out.skipped, out.took.Round(time.Second), log)
	return out, nil
}
