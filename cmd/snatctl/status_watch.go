package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
)

// watchStatus prints a picture every so often until it is interrupted: in place on a
// terminal, elsewhere one behind the other.
func watchStatus(ctx context.Context, r *gateway.Reader, o statusOptions) error {
	staySmall()
	gap := "\n"
	if o.format == "json" {
		gap = ""
	}
	show := view.InTurn(os.Stdout, stderr, gap, o.watch)
	resized := make(chan os.Signal, 1)
	if isTerminal(os.Stdout) && o.format == "text" {
		s := view.OpenScreen(os.Stdout, o.watch)
		defer s.Close()
		signal.Notify(resized, unix.SIGWINCH)
		defer signal.Stop(resized)
		show = s.Show
	}
	tick := time.NewTicker(o.watch)
	defer tick.Stop()
	for {
		s, err := lookAnew(ctx, r, o)
		if err != nil {
			return interrupted(ctx, err)
		}
		var b bytes.Buffer
		if err := o.print(&b, plain.NewWriter(&b, stdout.Colour()), s, keptBy(ctx, o.table)); err != nil {
			return exit{exitRefused, err}
		}
		for again := true; again; {
			if err := show(b.Bytes(), s.Took); err != nil {
				return exit{exitRefused, err}
			}
			select {
			case <-ctx.Done():
				return nil
			case <-resized:
			case <-tick.C:
				again = false
			}
		}
	}
}

// lookAnew reads the table, which has the counters of new connections, and looks.
func lookAnew(ctx context.Context, r *gateway.Reader, o statusOptions) (gateway.Survey, error) {
	start := time.Now()
	p, err := r.Read(ctx)
	if err == nil {
		err = p.Missing()
	}
	if err != nil {
		return gateway.Survey{}, err
	}
	s, err := look(ctx, r, p, o.names)
	s.Took = time.Since(start)
	return s, err
}

// interrupted turns the end of the context, which the user wanted, into success.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return exit{exitRefused, err}
}
