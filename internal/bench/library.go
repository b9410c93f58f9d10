package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/snatctl/snatctl/ct/ctlink"
)

// libraryWord as first argument makes this program do one thing with package ctlink, so that
// it can be measured like any other command.
const libraryWord = "library"

// library returns the command line of a job.
func library(job ...string) []string {
	return append([]string{"/proc/self/exe", libraryWord}, job...)
}

var libraryJobs = map[string]func(ctx context.Context, args []string) error{
	"list":   listFlows,
	"end":    endFlows,
	"listen": listenToFlows,
	"check":  checkServers,
}

// runLibrary does a job until it is done or SIGTERM comes.
func runLibrary(args []string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := libraryJobs[args[0]](ctx, args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "library:", err)
		os.Exit(1)
	}
}

// listFlows lists all flows and counts them.
func listFlows(ctx context.Context, _ []string) error {
	c, err := ctlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	n := 0
	for _, err := range c.Flows(ctx) {
		if err != nil {
			return err
		}
		n++
	}
	fmt.Println(n)
	return nil
}

// endFlows ends the flows that a real server answers, out of all.
func endFlows(ctx context.Context, args []string) error {
	server, err := netip.ParseAddr(args[0])
	if err != nil {
		return err
	}
	c, err := ctlink.Open()
	if err != nil {
		return err
	}
	defer c.Close()
	var doomed []ctlink.Key
	for f, err := range c.Flows(ctx) {
		if err != nil {
			return err
		}
		if f.Reply.Src.Addr() == server {
			doomed = append(doomed, ctlink.KeyOf(f))
		}
	}
	n, err := c.Delete(ctx, doomed)
	fmt.Println(n)
	return err
}

// listenToFlows takes all events until it is told to end.
func listenToFlows(ctx context.Context, _ []string) error {
	s, err := ctlink.Listen(ctlink.ListenOptions{Buffer: eventBuffer})
	if err != nil {
		return err
	}
	defer s.Close()
	n := 0
	for _, err := range s.Events(ctx) {
		if err == nil {
			n++
			continue
		}
		if errors.Is(err, context.Canceled) {
			fmt.Println(n)
			return nil
		}
		if lost := (*ctlink.OverrunError)(nil); !errors.As(err, &lost) {
			return err
		}
	}
	return nil
}
