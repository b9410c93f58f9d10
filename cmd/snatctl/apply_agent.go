package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/api"
	"github.com/snatctl/snatctl/agent/source"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/gateway"
)

func takeOverFlag(c *cobra.Command, on *bool) {
	c.Flags().BoolVar(on, "take-over", false, "if an agent holds the table, end it first")
}

// holdTable takes hold of a table, from an agent if that is wanted.
func holdTable(ctx context.Context, o gateway.Options, takeOver bool) (*gateway.Gateway, error) {
	if takeOver {
		return gateway.TakeOver(ctx, o)
	}
	return gateway.Hold(o)
}

// agentIn returns the error if it says that an agent holds the table.
func agentIn(err error) *gateway.BusyError {
	var busy *gateway.BusyError
	if errors.As(err, &busy) && busy.By.Agent != "" {
		return busy
	}
	return nil
}

// statusOfKind are the exit statuses for how an apply of an agent ends.
var statusOfKind = map[api.Kind]int{api.Refused: exitRefused, api.Incomplete: exitIncomplete, api.Reverted: exitReverted, api.Busy: exitBusy}

// applyByAgent asks the agent that holds the table to apply its files, if they are those of this apply.
func applyByAgent(ctx context.Context, o applyOptions, w *gateway.Wanted, held *gateway.BusyError, line *lifeline, t *timings) error {
	client := api.Dial(held.By.Agent)
	s, err := client.Snapshot(ctx)
	if err != nil {
		return exit{exitBusy, fmt.Errorf("%w; %w", held, err)}
	}
	files, err := source.Of(o.files)
	if o.entry != nil || err != nil || !slices.Equal(files.Paths(), s.Files) {
		return exit{exitBusy, api.OtherFiles(s)}
	}
	r := asked{trial: &agentsTrial{table: held.Table, done: make(chan struct{})}, applied: make(chan api.AppliedLine, 1)}
	req := api.ApplyRequest{Request: agent.Request{Command: o.command, User: operator(), Keep: o.keep, Confirm: o.confirm}, Files: s.Files, Hash: w.Hash()}
	go r.ask(ctx, client, req, t)
	l, ok := <-r.applied
	if !ok {
		return agentsStatus(r.trial.Wait())
	}
	return r.finish(ctx, client, l, o.format, line, t)
}

// asked is an apply that an agent does.
type asked struct {
	trial   *agentsTrial
	applied chan api.AppliedLine // what it changed; closed at the end, without any if it was refused
}

// ask asks, and hears what happens to the end. An interrupt takes back what is on trial; anything else
// the agent does to its end.
func (r asked) ask(ctx context.Context, client *api.Client, req api.ApplyRequest, t *timings) {
	defer close(r.applied)
	defer close(r.trial.done)
	r.trial.err = client.Apply(context.WithoutCancel(ctx), req, t.hear, func(l api.AppliedLine) {
		r.trial.until = time.Now().Add(l.Confirm)
		r.applied <- l
	})
}

// finish reports what the agent changed, and waits for what becomes of it.
func (r asked) finish(ctx context.Context, client *api.Client, l api.AppliedLine, format string, line *lifeline, t *timings) error {
	t.bar.Stop()
	var lost error
	if format == "json" {
		lost = view.DifferenceJSON(os.Stdout, l.Told)
	} else {
		lost = view.Result(stdout, r.trial.table, l.Result)
	}
	if l.Confirm == 0 || line == nil {
		return errors.Join(agentsStatus(r.trial.Wait()), lost)
	}
	line.await(r.trial)
	defer context.AfterFunc(ctx, func() { _ = client.Revert(context.WithoutCancel(ctx)) })()
	if err := agentsStatus(line.wait(r.trial)); err != nil {
		return err
	}
	return lost
}

// agentsStatus gives an agent's answer its exit status. An agent that ended without one may have done
// anything.
func agentsStatus(err error) error {
	var told *api.Error
	if err == nil || errors.As(err, &told) {
		return statusOf(err)
	}
	return exit{exitIncomplete, fmt.Errorf("%w: it is not known what the agent has done; see `snatctl diff` and `snatctl history`", err)}
}

// agentsTrial is a policy that an agent has put on trial.
type agentsTrial struct {
	table string
	until time.Time
	done  chan struct{} // closed once err is the verdict
	err   error
}

// Left is how much time there is to confirm.
func (t *agentsTrial) Left() time.Duration { return time.Until(t.until) }

// Confirm keeps it.
func (t *agentsTrial) Confirm() gateway.Answer {
	if gateway.Confirm(t.table) != nil {
		return gateway.TooLate
	}
	return gateway.Kept
}

// Done is closed once it is decided what became of it.
func (t *agentsTrial) Done() <-chan struct{} { return t.done }

// Wait returns what became of it.
func (t *agentsTrial) Wait() error {
	<-t.done
	return t.err
}
