package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
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
			if err := o.selection.known(p.Bindings); err != nil {
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
	selection selection
	count     bool
	end, yes  bool
	format    string
}

// listFlows prints the selected flows as the kernel lists them, and holds none of them.
func listFlows(ctx context.Context, w io.Writer, r *gateway.Reader, p *gateway.Picture, o flowsOptions) error {
	index, ways := p.Routed()
	defer ways.Close()
	list := newFlowList(w, o.format)
	n, zoned := 0, 0
	for f, err := range r.Flows(ctx) {
		if err != nil {
			return err
		}
		owner := index.Owner(f)
		if !o.selection.match(f, &owner) {
			continue
		}
		n++
		if f.Zoned() {
			zoned++
		}
		if o.count {
			continue
		}
		if err := list.add(f, &owner); err != nil {
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
	if err := errors.Join(list.end(), ways.Err()); err != nil {
		return err
	}
	if zoned > 0 && o.format == "text" {
		fmt.Fprintf(stderr, "%s in conntrack zones, which another table sets: apply never ends them\n", of(zoned))
	}
	return nil
}

// of returns "1 of these flows stands" or "2 of these flows stand".
func of(n int) string {
	if n == 1 {
		return "1 of these flows stands"
	}
	return fmt.Sprintf("%d of these flows stand", n)
}

// flowList writes flows as a JSON list or as lines of text, in large pieces.
type flowList struct {
	w    io.Writer
	json bool
	buf  []byte
	n    int // flows so far
}

// pieceSize is how much is written at once.
const pieceSize = 64 << 10

func newFlowList(w io.Writer, format string) *flowList {
	return &flowList{w: w, json: format == "json", buf: make([]byte, 0, pieceSize+1<<10)}
}

func (l *flowList) add(f *ct.Flow, o *ct.Owner) error {
	switch {
	case !l.json && l.n == 0:
		l.buf = ct.AppendHeader(l.buf)
		l.buf = append(l.buf, '\n')
	case l.json && l.n == 0:
		l.buf = append(l.buf, '[')
	case l.json:
		l.buf = append(l.buf, ",\n"...)
	}
	l.n++
	if l.json {
		l.buf = ct.AppendJSON(l.buf, f, o)
	} else {
		l.buf = append(appendFlowText(l.buf, f, o), '\n')
	}
	if len(l.buf) < pieceSize {
		return nil
	}
	return l.write()
}

// appendFlowText appends a flow as a line that is safe to print: the names in it come from the
// kernel's table.
func appendFlowText(b []byte, f *ct.Flow, o *ct.Owner) []byte {
	line := len(b)
	b = ct.AppendText(b, f, o)
	return append(b[:line], plain.Text(string(b[line:]))...)
}

func (l *flowList) end() error {
	if l.json {
		if l.n == 0 {
			l.buf = append(l.buf, '[')
		}
		l.buf = append(l.buf, "]\n"...)
	}
	return l.write()
}

func (l *flowList) write() error {
	_, err := l.w.Write(l.buf)
	l.buf = l.buf[:0]
	return err
}
