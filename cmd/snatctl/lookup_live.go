package main

import (
	"context"
	"fmt"
	"io"

	"github.com/snatctl/snatctl/compiler/readback"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

// lookupLive answers from the kernel: its flows, and the blocks in its table.
func lookupLive(ctx context.Context, w io.Writer, o lookupOptions) error {
	l, err := openLive(ctx, o.table)
	if err != nil {
		return exit{exitNotFound, err}
	}
	defer l.close()
	s, err := l.subscriber(ctx, o)
	if err != nil {
		return exit{exitNotFound, err}
	}
	if s.Source.IsValid() && o.format == "text" {
		fmt.Fprintln(w, s)
	}
	list := newFlowList(w, o.format)
	for f, err := range l.ct.Flows(ctx) {
		if err == nil && o.behind(f) {
			owner := l.index.Owner(f)
			err = list.add(f, &owner)
		}
		if err != nil {
			return exit{exitNotFound, fmt.Errorf("list flows: %w", err)}
		}
	}
	if list.n == 0 && o.format == "json" {
		err = printJSON(w, s.records(o.at))
	} else {
		err = list.end()
	}
	if err == nil && list.n == 0 && !s.Source.IsValid() {
		err = exit{exitNotFound, fmt.Errorf("nobody has %s now (a NAT log tells who had it, if one was written: snatctl watch --log)", o.at)}
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

// subscriber finds the source that has the laddr and port in a block of its own, if the
// table has blocks at all.
func (l *live) subscriber(ctx context.Context, o lookupOptions) (subscription, error) {
	if !l.hasBlocks() {
		return subscription{}, nil
	}
	r, _, err := l.nft.Read(ctx, l.table)
	if err != nil {
		return subscription{}, err
	}
	b, _ := readback.BlockWith(r, o.at)
	return subscription(b), nil
}

func (l *live) hasBlocks() bool {
	for _, z := range l.bindings.Zones {
		for _, p := range z.Pools {
			if p.Block > 0 {
				return true
			}
		}
	}
	return false
}
