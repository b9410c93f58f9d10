package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/cmd/snatctl/view"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// Exit statuses of `status --check`, as monitoring systems know them.
const (
	exitWarning  = 1
	exitCritical = 2
)

type statusOptions struct {
	format string
	watch  time.Duration
	check  bool
	all    bool
	agent  bool // with check: there has to be one
	names  nameFilter
	table  string
	files  []string

	stateDir string
}

func statusCommand() *cobra.Command {
	var o statusOptions
	c := &cobra.Command{
		Use:   "status",
		Short: "print services with their real servers, zones with their laddrs, and their flows",
		Long: `Print what the gateway does now, from the table in force and one list of the kernel's flows.

For each real server of a service: its weight, its share of new connections by weight, the new
connections that it got, its flows, and their bytes. For each laddr of a zone: its flows, and the
destination toward which most of its source ports are in use; above 80 % new connections soon
begin to fail. New connections are counted from when the table's elements were made. Bytes are
those of live flows, and need nf_conntrack_acct.

Everything is listed by name. With more than 200 services, or zones, the text form lists those
with flows and says how many have none; with more than 200 laddrs in a zone it lists the busiest
20. --all lists everything, --service and --zone only one. --format json always lists everything.

--watch prints the report again and again: in place on a terminal, otherwise one after the other,
as JSON one per line. Each report lists the flows anew, so nothing is missed.

--check is for monitoring systems: one line that says OK, WARNING or CRITICAL, then the
problems. It is critical if the kernel does not forward a family that the table is about, if a
chain of another table drops all that is forwarded, if the table is not what was applied last, or if
an uplink is not there. Laddrs and the conntrack table warn from 80 % and are critical from 95 %;
laddrs to which answers do not come, as far as this host knows, warn. Of what an agent knows, a
service below its quorum and drift that is not repaired are critical; a real server that is down, a
policy that is refused, on trial or not applied for 10 minutes warns. That no agent holds the table
is critical with --agent, and where snatctl-agent.service is enabled. Behind a "|" the line has
performance data in the form of Nagios (docs/monitoring.md). With --format json it prints the report, and the exit status alone tells.

Exit status: 0, 1 no table, 2 usage. With --check: 0 fine, 1 warning, 2 critical, or the state could
not be read.`,
		Example: `  snatctl status
  snatctl status --service web --watch 2s
  snatctl status --format json | jq '.services[] | {name, flows}'
  snatctl status --check`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.complete(c); err != nil {
				return err
			}
			err := status(c.Context(), o)
			var e exit
			if err != nil && o.check && !errors.As(err, &e) {
				view.Unchecked(stdout, err)
				return exit{code: exitCritical}
			}
			return err
		},
	}
	tableFlags(c, &o.table, &o.files)
	stateDirFlag(c, &o.stateDir)
	c.Flags().Lookup("state-dir").Usage = "with --check: the `directory` of the history, which tells what was applied"
	c.Flags().StringVar(&o.format, "format", "text", "format of the output: `text|json`")
	c.Flags().DurationVar(&o.watch, "watch", 0, "print again after this `time`: 2s, 500ms")
	c.Flags().BoolVar(&o.check, "check", false, "say whether something is wrong, for monitoring systems (exit status 0, 1 or 2)")
	c.Flags().BoolVar(&o.agent, "agent", false, "with --check: critical if no agent keeps the table, also where systemd starts none")
	c.Flags().StringVar(&o.names.service, "service", "", "only the service of this `name`")
	c.Flags().StringVar(&o.names.zone, "zone", "", "only the zone of this `name`")
	c.Flags().BoolVar(&o.all, "all", false, "also list services and zones without flows, however many there are (text)")
	return c
}

func (o *statusOptions) complete(c *cobra.Command) (err error) {
	switch {
	case c.Flags().Changed("watch") && o.watch < 100*time.Millisecond:
		return fmt.Errorf("--watch %v is too often: use 100ms or more", o.watch)
	case o.watch > 0 && o.check:
		return errors.New("--check reports once: leave out --watch")
	case o.agent && !o.check:
		return errors.New("--agent says what --check is to look for: use both")
	}
	if err := checkFormat(o.format); err != nil {
		return err
	}
	o.table, err = tableName(o.table, o.files)
	return err
}

func status(ctx context.Context, o statusOptions) error {
	if o.check {
		return checkStatus(ctx, o)
	}
	r, p, err := standing(ctx, o.table)
	if err != nil {
		return exit{exitRefused, err}
	}
	defer r.Close()
	if o.watch > 0 {
		return watchStatus(ctx, r, o)
	}
	s, err := look(ctx, r, p, o.names)
	if err != nil {
		return exit{exitRefused, err}
	}
	tellAwaiting(o.table)
	return o.print(os.Stdout, stdout, s, keptBy(ctx, o.table))
}

// print prints one report.
func (o *statusOptions) print(out io.Writer, text *plain.Writer, s gateway.Survey, k *report.Kept) error {
	if o.format == "json" {
		return report.Status(out, s, k)
	}
	return view.Status(text, s, k, o.all)
}

// look sums up the flows of what is asked for.
func look(ctx context.Context, r *gateway.Reader, p *gateway.Picture, names nameFilter) (gateway.Survey, error) {
	s, err := r.Survey(ctx, p)
	if err != nil {
		return s, err
	}
	return s, names.narrow(&s.Report)
}

// nameFilter is the one service or zone that status is asked for. The zero value is all.
type nameFilter struct{ service, zone string }

// narrow takes all others out of a report. A name that is not there is an error.
func (n nameFilter) narrow(r *ct.Report) error { return report.Narrow(r, n.service, n.zone) }

// checkStatus tells whether something is wrong: in words, or as JSON by the exit status alone.
func checkStatus(ctx context.Context, o statusOptions) error {
	s, err := gateway.Check(ctx, gateway.Options{Table: o.table, StateDir: o.stateDir, State: statesOf(ctx, o.table, o.stateDir)})
	if err == nil {
		err = o.names.narrow(&s.Report)
	}
	if err != nil {
		return err
	}
	k, err := askKept(ctx, o.table)
	switch {
	case err != nil:
		s.Dead = append(s.Dead, absent("holds the table and does not answer: "+err.Error()))
	case k == nil && (o.agent || o.table == policy.DefaultGateway().Table && agentEnabled(unitLinks)):
		s.Dead = append(s.Dead, absent("does not run: real servers are not checked, and drift is not repaired; `systemctl start snatctl-agent`"))
	}
	s.Dead = append(s.Dead, view.KnownProblems(k)...)
	return check(s, k, o.format)
}

func absent(why string) ct.Problem {
	return ct.Problem{Severity: ct.Critical, Object: "agent", Text: why}
}

// unitLinks is where systemd keeps what starts at boot (systemctl(1), enable).
const unitLinks = "/etc/systemd/system"

// agentEnabled tells whether systemd starts an agent on this machine.
func agentEnabled(links string) bool {
	found, _ := filepath.Glob(filepath.Join(links, "*.wants", "snatctl-agent.service"))
	return len(found) > 0
}

// check reports a survey, and gives the worst problem's exit status.
func check(s gateway.Survey, k *report.Kept, format string) error {
	if format == "json" {
		if err := report.Status(os.Stdout, s, k); err != nil {
			return exit{exitCritical, err}
		}
	} else {
		view.Check(stdout, s, k)
	}
	switch worst, _ := s.Verdict(); worst {
	case ct.Critical:
		return exit{code: exitCritical}
	case ct.Warning:
		return exit{code: exitWarning}
	}
	return nil
}
