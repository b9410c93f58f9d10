package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/api"
	"github.com/snatctl/snatctl/agent/journal"
	"github.com/snatctl/snatctl/agent/metrics"
	"github.com/snatctl/snatctl/agent/report"
	"github.com/snatctl/snatctl/agent/source"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/agent/web"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/plain"
	"github.com/snatctl/snatctl/policy"
)

// defaultSocket is where an agent takes requests unless a flag says otherwise.
const defaultSocket = "/run/snatctl/agent.sock"

type agentOptions struct {
	files    []string
	etcd     etcdOptions
	node     string
	stateDir string
	socket   string
	group    string
	noRepair bool
	noWatch  bool
	exec     bool
	log      string // format
	http     web.Options
	metrics  bool // of each real server
}

func agentCommand() *cobra.Command {
	var o agentOptions
	c := &cobra.Command{
		Annotations: map[string]string{decides: ""},
		Use:         "agent -f FILE | --etcd ENDPOINTS --key PREFIX",
		Short:       "keep the table as the policy says, for as long as it runs",
		Long: `Apply the policy, and keep the table as it says: when the files change, or on SIGHUP, apply them
again; when somebody else changes the table, report that object by object and repair it.

A policy that is invalid, or that the kernel refuses, never replaces the one in force. It is logged
with all that is wrong, shown by ` + "`snatctl agent status`" + `, and the agent waits for a better one. If the
agent starts with such a policy, it keeps the last good one of the history, which ` + "`snatctl boot`" + `
applies, too. Without a last good one it ends.

With --etcd it follows the policy that snatctl publish gives a fleet (docs/fleet.md). It keeps the last
one on disk, starts and goes on without etcd, and reports there what it runs.

While an agent holds the table, ` + "`snatctl apply`" + ` with the same files asks the agent to apply them now,
and reports and exits as always, also with --confirm. With other files, apply, rollback and flush
change nothing and exit 6; their --take-over ends the agent first.

Packets need no agent: ending it, by any signal, leaves the table as it is. Starting it on a table
that fits the policy changes nothing. It logs to standard error, a line for each event, with
names that stay as they are (docs/logs.md), and with priorities if that is the journal of systemd;
more than three equal ones within 10 s are folded into one that counts them. It tells systemd how it
is (Type=notify).

Exit status: 0 ended by a signal, or taken over; 1 refused, and nothing was changed; 2 usage; 6 the
table is held by another process.`,
		Example: `  snatctl agent -f /etc/snatctl/policy.yaml
  snatctl agent -f /etc/snatctl/policy.d --no-repair
  snatctl agent --etcd https://etcd1:2379,https://etcd2:2379 --key /snatctl/prod
  snatctl agent status`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if o.files = append(o.files, args...); o.etcd.given() {
				o.files = slices.DeleteFunc(o.files, func(f string) bool { return f == "" }) // the unit's POLICY, emptied
			}
			switch {
			case !o.etcd.given():
				if o.files, err = policyFiles(o.files, nil); err != nil {
					return err
				}
			case len(o.files) > 0:
				return errors.New("an agent has one source: -f FILE, or --etcd ENDPOINTS --key PREFIX")
			}
			return runAgent(c.Context(), o)
		},
	}
	fileFlag(c, &o.files)
	etcdFlags(c, &o.etcd)
	c.Flags().Lookup("file").Usage = "keep the policy of this `FILE`, or of a directory (its *.yaml and *.yml); may be repeated"
	nodeFlag(c, &o.node)
	stateDirFlag(c, &o.stateDir)
	c.Flags().StringVar(&o.socket, "socket", defaultSocket, "take requests at this `path`")
	c.Flags().StringVar(&o.group, "socket-group", "", "members of this `group` may send requests, too, if they may enter the socket's directory")
	c.Flags().BoolVar(&o.noRepair, "no-repair", false, "report what others change in the table, and leave it")
	c.Flags().BoolVar(&o.noWatch, "no-watch", false, "apply the files only when somebody asks for it (SIGHUP, snatctl apply), not when they change")
	c.Flags().BoolVar(&o.exec, "allow-exec", false, "let health checks of type exec run their programs")
	c.Flags().StringVar(&o.log, "log-format", "text", "format of the log: `text|json`")
	httpFlags(c, &o.http)
	c.Flags().BoolVar(&o.metrics, "metrics-servers", true, "with --http: show metrics of each real server; --metrics-servers=false leaves them out where there are more than 10,000")
	c.AddCommand(agentStatusCommand())
	return c
}

// runAgent holds the table until a signal comes, or somebody takes the table over.
func runAgent(ctx context.Context, o agentOptions) error {
	staySmall()
	signal.Ignore(syscall.SIGPIPE)
	log, err := journal.New(os.Stderr, journal.Options{Format: o.log, Journal: journal.IsStream(os.Stderr, os.Getenv("JOURNAL_STREAM"))})
	if err != nil {
		return exit{exitUsage, fmt.Errorf("--log-format: %w", err)}
	}
	defer log.Close()
	events := web.NewEvents()
	log.Logger = slog.New(slog.NewMultiHandler(log.Handler(), events.Handler()))
	from, followed, err := o.source(ctx, log.Logger)
	if err != nil || from == nil {
		return err
	}
	window, err := openHTTP(o.http, log.Logger)
	if err != nil {
		return err
	}
	if window != nil {
		defer window.Close()
	}
	l, err := api.Listen(o.socket, o.group)
	if err != nil {
		return exit{exitRefused, fmt.Errorf("make the socket for requests: %w; nothing was changed", err)}
	}
	defer l.Close()
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("watchdog_unknown", "error", err)
	}
	scraped := metrics.New(metrics.Options{Version: versionText(), NoServers: !o.metrics, Failed: func(err error) { log.Warn("scrape_incomplete", "error", err) }})
	a, err := agent.Start(ctx, agent.Options{
		Source: from, Node: o.node, StateDir: o.stateDir, Socket: o.socket, NoRepair: o.noRepair, AllowExec: o.exec, Log: log.Logger, Watchdog: every, User: operator(), Observe: scraped.Observe,
		Notify: func(state string) { _, _ = daemon.SdNotify(false, state) }, // without a service manager nobody listens
	})
	if err != nil {
		return statusOf(err)
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go func() {
		for range hangup {
			a.Reload()
		}
	}()
	log.Info("agent_started", "version", versionText(), "table", a.Table(), "socket", o.socket)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	counts := traffic.New(traffic.Options{Table: a.Table(), Picture: a.Picture, Lost: func(n uint64) { log.Warn("events_lost", "events", n, "for", "figures") }})
	go counts.Run(ctx)
	known := &web.API{Snapshot: a.Snapshot, Services: a.Services, Figures: counts.Figures, Picture: a.Picture, Events: events}
	server := api.Serve(l, a, known.Handlers(), func(err error) { log.Error("socket_unserved", "error", err) })
	defer server.Close()
	if followed != nil {
		reported := make(chan struct{})
		go func() { defer close(reported); reportNode(ctx, followed, a, log.Logger) }()
		defer func() { stop(); <-reported }()
	}
	serveHTTP(window, a, counts, known, scraped, log.Logger)
	if err := a.Run(ctx); err != nil && !errors.Is(err, agent.ErrTakenOver) {
		return statusOf(err)
	}
	return nil
}

// source is where the agent's policy comes from; with --etcd it is the second result, too. nil without an
// error: a signal came before there was one.
func (o *agentOptions) source(ctx context.Context, log *slog.Logger) (agent.Source, *source.Etcd, error) {
	if o.etcd.given() {
		e, err := o.follow(ctx, log)
		if e == nil || err != nil {
			return nil, nil, err
		}
		return e, e, nil
	}
	files, err := source.Of(o.files)
	switch {
	case err != nil:
		return nil, nil, exit{exitUsage, err}
	case o.noWatch:
		return unwatched{files}, nil, nil
	}
	return files, nil, nil
}

// unwatched is a source of which nobody is told when it changes.
type unwatched struct{ *source.Files }

func (unwatched) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

// keptBy asks the agent that holds a table what it knows; nil if none does, or if it does not answer.
func keptBy(ctx context.Context, table string) *report.Kept {
	k, err := askKept(ctx, table)
	if err != nil {
		fmt.Fprintf(stderr, "warning: health is not known: %s\n", plain.Text(err.Error()))
	}
	return k
}

// keptQuietly does the same where a warning would destroy the screen.
func keptQuietly(ctx context.Context, table string) *report.Kept {
	k, _ := askKept(ctx, table)
	return k
}

func askKept(ctx context.Context, table string) (*report.Kept, error) {
	client := agentOf(table)
	if client == nil {
		return nil, nil
	}
	now, err := client.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	all, err := client.Services(ctx)
	if err != nil {
		return nil, err
	}
	return report.Keep(now, all), nil
}

// stateBy returns what says which states an agent has given the services of its table; nil if no agent
// holds it.
func stateBy(ctx context.Context, table string) func(*policy.Policy) policy.State {
	client := agentOf(table)
	if client == nil {
		return nil
	}
	state, err := client.State(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "warning: health is not known: %s\n", plain.Text(err.Error()))
		return nil
	}
	return func(*policy.Policy) policy.State { return state }
}

// statesOf does the same, and knows what an agent has left that does not run any more.
func statesOf(ctx context.Context, table, stateDir string) func(*policy.Policy) policy.State {
	if now := stateBy(ctx, table); now != nil {
		return now
	}
	return func(p *policy.Policy) policy.State { return agent.Left(stateDir, table, p) }
}

// inState makes the table of a policy whose services have some states.
func inState(w *gateway.Wanted, state func(*policy.Policy) policy.State) (*gateway.Wanted, error) {
	if state == nil || state(w.Policy).IsZero() {
		return w, nil
	}
	now, ds := gateway.CompileFor(w.Facts, w.Policy.With(state(w.Policy)), w.Sources)
	return now, ds.Err()
}

// agentOf returns the agent that holds a table, nil if none does.
func agentOf(table string) *api.Client {
	if h := gateway.WhoHolds(table); h.Agent != "" {
		return api.Dial(h.Agent)
	}
	return nil
}
