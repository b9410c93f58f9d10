package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/exporter"
	"github.com/snatctl/snatctl/gateway/natlog"
	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/policy/lint"
)

type watchOptions struct {
	flags        selectionFlags
	selection    report.Selection
	table        string
	format       string // "" prints no events
	log          string
	destinations bool
	exports      bool // to ipfix
	ipfix        exporter.Collector
	domain       uint32 // of ipfix
	buffer       int    // bytes; 0: the default
}

func watchCommand() *cobra.Command {
	var o watchOptions
	var files []string
	var buffer, collector string
	c := &cobra.Command{
		Use:   "watch",
		Short: "print connections as they come and go; write the NAT log, export IPFIX",
		Long: `Print connections as they begin, change and end (conntrack events), each with its zone or service,
real server and laddr. Flags restrict what is printed and logged.

--log FILE appends to the NAT log: one line of JSON when a client gets a laddr and port, and one
when it gives them back, with times and bytes. It has destinations only with --destinations. With
--log and without --format no events are printed. SIGHUP opens the file again (for logrotate).

--ipfix HOST:PORT sends the same to an IPFIX collector as NAT events (RFC 8158), by UDP, or by TCP
for tcp://HOST:PORT. Of clients with a block of ports it sends the block when they begin to use it
and when they have ceased; with --destinations also every connection.

Connections that a program has entered, as conntrackd does when a pair's other gateway takes over, are
"taken", not "new".

Neither a slow reader nor a full disk nor a collector that is away stops the watcher. It counts what
is lost, and says so on standard error and in the log. If the kernel's own buffer overflows, it reads the table of flows
again, and reports connections that began in between as new.

Exit status: 0 interrupted (SIGINT, SIGTERM), 1 no table, no such zone or service, or a failure, 2 usage.`,
		Example: `  snatctl watch --zone office
  snatctl watch --format jsonl | jq -c 'select(.event == "new")'
  snatctl watch --log /var/log/snatctl/nat.jsonl
  snatctl watch --log /var/log/snatctl/nat.jsonl --ipfix collector.example.net:4739`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if o.format != "text" && o.format != "jsonl" {
				return fmt.Errorf("unknown format %q: use text or jsonl", o.format)
			}
			if o.exports = collector != ""; o.exports {
				if o.ipfix, err = exporter.ParseCollector(collector); err != nil {
					return fmt.Errorf("--ipfix: %w", err)
				}
			}
			if (o.log != "" || o.exports) && !c.Flags().Changed("format") {
				o.format = ""
			}
			if o.buffer, err = byteSize(buffer); err != nil {
				return fmt.Errorf("--buffer: %w", err)
			}
			if o.selection, err = o.flags.selection(); err != nil {
				return err
			}
			if o.table, err = tableName(o.table, files); err != nil {
				return err
			}
			if err := watch(c.Context(), o); err != nil {
				return exit{exitRefused, err}
			}
			return nil
		},
	}
	tableFlags(c, &o.table, &files)
	o.flags.add(c)
	f := c.Flags()
	f.StringVar(&o.format, "format", "text", "format of events on standard output: `text|jsonl`")
	f.StringVar(&o.log, "log", "", "append the NAT log to this `file`")
	f.BoolVar(&o.destinations, "destinations", false, "also log and export destinations")
	f.StringVar(&collector, "ipfix", "", "export NAT events to this collector: `HOST:PORT` by UDP, or tcp://HOST:PORT")
	f.Uint32Var(&o.domain, "ipfix-domain", 1, "observation domain `id` of what is exported")
	f.StringVar(&buffer, "buffer", "", "`bytes` of events that may wait in the kernel, such as 64M (default 16M)")
	return c
}

// stuck is how long a reader of standard output or the disk of the log may take to swallow
// the last lines when all is over.
const stuck = time.Second

// watch prints and logs events until it is interrupted.
func watch(ctx context.Context, o watchOptions) error {
	staySmall()
	hangups := make(chan os.Signal, 1)
	if o.log != "" {
		signal.Notify(hangups, syscall.SIGHUP) // logrotate may call while the table is still being read
		defer func() {
			signal.Stop(hangups)
			close(hangups)
		}()
	}
	reader, p, err := standing(ctx, o.table)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // it was told to end, as it may be later
	}
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := o.selection.Known(p.Bindings); err != nil {
		return err
	}
	r := newReporter(o)
	if o.log != "" {
		if r.log, err = natlog.Open(ctx, o.log); err != nil || r.log == nil {
			return err
		}
		go rotateOn(hangups, r.log)
	}
	if o.exports {
		r.exporter = exporter.Open(exporter.Options{Collector: o.ipfix, Domain: o.domain, Destinations: o.destinations})
	}
	if r.log != nil || r.exporter != nil {
		signal.Ignore(syscall.SIGPIPE)
	}
	// What reading a large table has left behind would be collected while events come.
	debug.FreeOSMemory()
	if r.log != nil {
		r.log.Mark("start")
	}
	listen := gateway.WatchOptions{Buffer: o.buffer, Found: r.log != nil || r.exporter != nil, Report: r.report, Rest: r.rest, Tell: r.hear}
	if o.format == "" {
		listen.Kinds = []ct.EventKind{ct.New, ct.Destroy} // all that a log is about
	} else {
		r.out = natlog.NewSpool(natlog.Room, r.writeOut)
	}
	w, err := gateway.Listen(reader, p, listen)
	if err != nil {
		return err
	}
	defer w.Close()
	warnAccounting()
	if o.format == "" {
		fmt.Fprintf(stderr, "%s; --format text or jsonl prints events as well\n", o.writes())
	}
	done := make(chan struct{})
	go r.tellLossesUntil(done)
	err = w.Run(ctx)
	close(done)
	r.close()
	return err
}

// writes says where the NAT log goes.
func (o *watchOptions) writes() string {
	switch {
	case o.log == "":
		return "exporting NAT events to " + o.ipfix.String()
	case o.exports:
		return "writing the NAT log to " + o.log + ", and exporting it to " + o.ipfix.String()
	}
	return "writing the NAT log to " + o.log
}

// writeOut writes events to standard output. A reader that is gone ends the program as any
// other in a pipe, by SIGPIPE, unless it ignores that since it has a log to write.
func (r *reporter) writeOut(lines []byte) int {
	if len(lines) == 0 {
		return 0
	}
	n, err := os.Stdout.Write(lines) // what is not written is counted
	if errors.Is(err, syscall.EPIPE) {
		r.notices.say("reader", once, "warning: nobody reads standard output any more; the NAT log goes on")
		return len(lines)
	}
	return n
}

// rotateOn opens the log anew whenever a signal comes, until the channel is closed.
func rotateOn(signals <-chan os.Signal, l *natlog.Log) {
	for range signals {
		l.Rotate()
	}
}

// warnAccounting tells which sysctls keep events from telling all.
func warnAccounting() {
	lacking := map[string]string{
		"net/netfilter/nf_conntrack_acct":      "bytes and packets",
		"net/netfilter/nf_conntrack_timestamp": "when connections began",
		"net/netfilter/nf_conntrack_events":    "the end of connections that began before the watcher",
	}
	for _, key := range lint.AccountingKeys() {
		if name := host.SysctlName(key); !host.IsOn(key) {
			fmt.Fprintf(stderr, "warning: %s is not 1, so events lack %s: `sysctl -w %s=1`, or let apply set it (gateway: sysctls)\n", name, lacking[key], name)
		}
	}
}
