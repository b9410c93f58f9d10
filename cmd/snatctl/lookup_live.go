package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// lookupLive answers from the kernel: its flows, and the blocks in its table.
func lookupLive(ctx context.Context, w io.Writer, o lookupOptions) error {
	r, p, err := standing(ctx, o.table)
	if err != nil {
		return exit{exitNotFound, err}
	}
	defer r.Close()
	s, err := subscriberIn(ctx, r, p, o.at)
	if err != nil {
		return exit{exitNotFound, err}
	}
	if s.Source.IsValid() && o.format == "text" {
		_ = view.Subscriber(w, s) // the list tells
	}
	index, ways := p.Routed()
	defer ways.Close()
	list := flowList(w, o.format)
	for f, err := range r.Flows(ctx) {
		if err == nil && o.behind(f) {
			owner := index.Owner(f)
			err = list.Add(f, &owner)
		}
		if err != nil {
			return exit{exitNotFound, fmt.Errorf("list flows: %w", err)}
		}
	}
	if list.Len() == 0 && o.format == "json" {
		err = view.SubscriberJSON(w, s, o.at)
	} else {
		err = list.End()
	}
	if err == nil && list.Len() == 0 && !s.Source.IsValid() {
		err = exit{exitNotFound, fmt.Errorf("nobody has %s now (a NAT log, if you keep one, says who had it: snatctl watch --log)", o.at)}
	}
	return err
}

// behind tells whether a flow leaves with the laddr and port asked for.
func (o *lookupOptions) behind(f *ct.Flow) bool {
	p, at := f.Orig.Proto, f.Reply.Dst
	if at.Addr() != o.at.Addr() || at.Addr() == f.Orig.Src.Addr() || o.proto != 0 && p != o.proto {
		return false
	}
	if o.proto != 0 && (p == inet.ICMP || p == inet.ICMPv6) {
		return f.Reply.Src.Port() == o.at.Port()
	}
	return p.HasPorts() && at.Port() == o.at.Port()
}

// subscriberIn finds the source that has a laddr and port in a block of its own, if the table
// has blocks at all.
func subscriberIn(ctx context.Context, r *gateway.Reader, p *gateway.Picture, at netip.AddrPort) (policy.Subscriber, error) {
	blocks := slices.ContainsFunc(p.Bindings.Zones, func(z ct.Zone) bool {
		return slices.ContainsFunc(z.Pools, func(p ct.Pool) bool { return p.Block > 0 })
	})
	if !blocks {
		return policy.Subscriber{}, nil
	}
	table, err := r.Ruleset(ctx)
	if err != nil {
		return policy.Subscriber{}, err
	}
	b, _ := readback.BlockWith(table, at)
	return policy.Subscriber(b), nil
}
