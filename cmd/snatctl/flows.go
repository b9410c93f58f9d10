package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
)

func flowsCommand() *cobra.Command {
	var o flowsOptions
	var table string
	var files []string
	c := &cobra.Command{
		Use:   "flows",
		Short: "list live connections, each with its zone or service",
		Long: `List the kernel's flows (conntrack entries), each with the zone or service, the real server and
the laddr that the table says it has. Flags restrict the list; a flow must match all of them.

"no longer in policy" marks flows that the table in force would not translate in this way: they
come from an earlier policy, or from rules that are not snatctl's. "-" marks flows that are not
translated and that no zone accepts by name.

Byte counts need net.netfilter.nf_conntrack_acct, which apply switches on.

With --end, flows ends the connections that the flags select instead of listing them. It asks first
on a terminal; elsewhere it needs --yes. Connections in other conntrack zones are included.

Exit status: 0 listed or ended, even if there are none; 1 no table, no such zone or service, or the
kernel could not be asked; 2 wrong usage.`,
		Example: `  snatctl flows --zone office
  snatctl flows --service web --real-server 192.168.1.1
  snatctl flows --client 10.1.0.0/16 --proto tcp --state ESTABLISHED --count
  snatctl flows --past
  snatctl flows --zone jail --end --yes
  snatctl flows --format json | jq -r '.[].laddr' | sort | uniq -c`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := checkFormat(o.format); err != nil {
				return err
			}
			if o.selection, err = o.flags.selection(); err != nil {
				return err
			}
			if err := o.mayEnd(); err != nil {
				return err
			}
			if table, err = tableName(table, files); err != nil {
				return err
			}
			r, p, err := standing(c.Context(), table)
			if err != nil {
				return exit{exitRefused, err}
			}
			defer r.Close()
			if err := o.selection.Known(p.Bindings); err != nil {
				return exit{exitRefused, err}
			}
			if o.end {
				c.Annotations = map[string]string{decides: ""}
				return endFlows(c.Context(), r, p, o)
			}
			if err := listFlows(c.Context(), outlet(o.format), r, p, o); err != nil {
				return exit{exitRefused, fmt.Errorf("list flows: %w", err)}
			}
			return nil
		},
	}
	tableFlags(c, &table, &files)
	o.flags.add(c)
	c.Flags().BoolVar(&o.end, "end", false, "end the connections that the flags select, instead of listing them")
	c.Flags().BoolVar(&o.yes, "yes", false, "with --end: do not ask")
	c.Flags().BoolVar(&o.count, "count", false, "print only the number of flows")
	c.Flags().StringVar(&o.format, "format", "text", "format of the output: `text|json`")
	return c
}

type flowsOptions struct {
	flags     selectionFlags
	selection report.Selection
	count     bool
	end, yes  bool
	format    string
}

// listFlows prints the selected flows as the kernel lists them, and holds none of them.
func listFlows(ctx context.Context, w io.Writer, r *gateway.Reader, p *gateway.Picture, o flowsOptions) error {
	index, ways := p.Routed()
	defer ways.Close()
	list := flowList(w, o.format)
	n, zoned := 0, 0
	for f, err := range r.Flows(ctx) {
		if err != nil {
			return err
		}
		owner := index.Owner(f)
		if !o.selection.Match(f, &owner) {
			continue
		}
		n++
		if f.Zoned() {
			zoned++
		}
		if o.count {
			continue
		}
		if err := list.Add(f, &owner); err != nil {
			return err
		}
	}
	switch {
	case o.count && o.format == "json":
		return view.JSON(w, map[string]int{"flows": n})
	case o.count:
		_, err := fmt.Fprintln(w, n)
		return err
	}
	if err := errors.Join(list.End(), ways.Err()); err != nil {
		return err
	}
	if o.format == "text" {
		view.FlowsInZones(stderr, zoned)
		view.Overridden(stderr, keptBy(ctx, p.Table))
	}
	return nil
}

// flowWriter is a list of flows in some format.
type flowWriter interface {
	Add(*ct.Flow, *ct.Owner) error
	End() error
	Len() int
}

// flowList begins a list of flows in a format.
func flowList(w io.Writer, format string) flowWriter {
	if format == "json" {
		return report.NewFlowList(w)
	}
	return view.NewFlowList(w)
}
