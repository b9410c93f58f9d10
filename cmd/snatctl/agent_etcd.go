package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/source"
	"github.com/snatctl/snatctl/fleet"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/policy"
)

// follow returns the source of an agent that follows etcd, once that has something to give: it waits for the
// first policy of a fleet. nil without an error: a signal came first.
func (o *agentOptions) follow(ctx context.Context, log *slog.Logger) (*source.Etcd, error) {
	if o.noWatch {
		return nil, exit{exitUsage, errors.New("--no-watch is about files: an agent with --etcd follows what is published")}
	}
	node, err := nodeName(o.node)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	s, client, keys, err := o.etcd.open(0)
	if err != nil {
		return nil, err
	}
	if client.InClear() {
		log.Warn("etcd_in_clear", "hint", inClear)
	}
	src := source.Follow(s, keys, node, o.stateDir, log)
	go src.Run(ctx)
	if !o.await(ctx, src, node, log) {
		return nil, nil
	}
	return src, nil
}

// firstLook is how long etcd has to answer before the agent starts with what was kept.
const firstLook = 5 * time.Second

// await waits until there is something to start with, and tells whether there is: not if a signal came first.
func (o *agentOptions) await(ctx context.Context, src *source.Etcd, node string, log *slog.Logger) bool {
	began, told := time.Now(), time.Time{}
	for {
		patient := time.Since(began) < firstLook && !src.Looked()
		switch {
		case !patient && (src.Has() || agent.Knows(o.stateDir, src.Paths())):
			return true
		case !patient && told.IsZero():
			log.Info("policy_awaited", "key", o.etcd.key, "node", node)
			fallthrough
		case !patient && time.Since(told) > 10*time.Second:
			told = time.Now()
			_, _ = daemon.SdNotify(false, "STATUS=nothing is published for this node yet\nEXTEND_TIMEOUT_USEC=30000000")
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// reportNode reports what the agent runs, until ctx is done.
func reportNode(ctx context.Context, src *source.Etcd, a *agent.Agent, log *slog.Logger) {
	count := flowCount{}
	src.Report(ctx, func() (fleet.Report, string) {
		p := a.Snapshot().Policy
		r := fleet.Report{Hash: p.Hash, AppliedAt: p.AppliedAt.UTC().Truncate(time.Millisecond), Error: p.Error, ServicesDown: a.ServicesDown(), Version: versionText()}
		if here := a.Policy(); here != nil {
			r.Nodes, r.Flows = here.Told(), count.of(ctx, here)
		}
		if p.Error != "" && len(p.Findings) > 0 {
			r.Error += ": " + p.Findings[0]
		}
		return r, p.Newest
	}, log)
}

// flowCount counts flows of services now and then.
type flowCount struct {
	last time.Time
	n    *int
}

// countEvery is how old a count may be: listing a million flows takes a second.
const countEvery = 2 * time.Second

// of counts them where the node of the policy drains; nil: it does not, or they cannot be counted.
func (c *flowCount) of(ctx context.Context, p *policy.Policy) *int {
	n := p.Node(p.NodeName())
	if n == nil || n.State == policy.NodeActive {
		c.last, c.n = time.Time{}, nil
		return nil
	}
	if time.Since(c.last) > countEvery {
		c.n = nil
		if flows, err := gateway.Calls(ctx, p); err == nil {
			c.n = &flows
		}
		c.last = time.Now()
	}
	return c.n
}
