package metrics

import (
	"bufio"
	"context"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/policy"
)

// Options say what is shown.
type Options struct {
	Version   string
	NoServers bool        // leave out the metrics of real servers
	Failed    func(error) // hears why a scrape lacks something; nil: nobody does
}

// Served is what metrics are made of. Its methods are safe for concurrent use.
type Served interface {
	Snapshot() agent.Snapshot
	Services() []agent.Service
	Lint() policy.Diagnostics
}

// Metrics are those of one agent.
type Metrics struct {
	o      Options
	checks checks
}

// New makes metrics that count checks from now on.
func New(o Options) *Metrics {
	if o.Failed == nil {
		o.Failed = func(error) {}
	}
	return &Metrics{o: o}
}

// Observe counts a check that has ended.
func (m *Metrics) Observe(o health.Observation) { m.checks.observe(o) }

// patience is how long a scrape waits for figures. Prometheus waits 10 s by itself.
const patience = 9 * time.Second

// mostAtOnce is how many scrapes are answered at a time; more are told to come later.
const mostAtOnce = 4

// Handler answers scrapes: with what an agent knows, and figures that are read for all who ask.
func (m *Metrics) Handler(a Served, figures func(context.Context) (*traffic.Figures, error)) http.Handler {
	room := make(chan struct{}, mostAtOnce)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case room <- struct{}{}:
			defer func() { <-room }()
		default:
			http.Error(w, "others are being answered: scrape less often", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		f, err := figures(ctx)
		if r.Context().Err() != nil {
			return
		}
		if err != nil { // a scrape that failed as a whole would hide what the agent knows
			m.o.Failed(err)
			f = nil
		}
		format := expfmt.NegotiateAccept(r.Header, expfmt.DefaultAcceptedFormats()...)
		w.Header().Set("Content-Type", string(format))
		out := bufio.NewWriterSize(w, 1<<16)
		err = m.write(newEncoder(out, format), a, f)
		if err == nil {
			err = out.Flush()
		}
		if err != nil && r.Context().Err() == nil {
			m.o.Failed(err)
		}
	})
}

// write writes all metrics; without figures those that need none.
func (m *Metrics) write(e *encoder, a Served, f *traffic.Figures) error {
	r := prometheus.NewRegistry()
	r.MustRegister(&few{m, a, f})
	families, err := r.Gather()
	if err != nil {
		m.o.Failed(err)
	}
	for _, family := range families {
		if err := e.family(family); err != nil {
			return err
		}
	}
	if f == nil {
		f = new(traffic.Figures)
	}
	s := newScrape(f, a.Services(), &m.checks)
	if !m.o.NoServers {
		s.name()
	}
	for _, row := range table {
		if row == checkSeconds {
			s.checks.each(s.services, func(service string, d *durations) { e.durations(row, d, service) })
		} else if values := many[row]; values != nil && !m.leftOut(row) {
			values(s, func(v float64, a, b string) { e.put(row, v, a, b) })
		}
		if err := e.write(row); err != nil {
			return err
		}
	}
	return nil
}

func (m *Metrics) leftOut(row *Metric) bool { return m.o.NoServers && row.Of == OfServer }

// few are the metrics of which there are few, at one moment.
type few struct {
	m *Metrics
	a Served
	f *traffic.Figures // nil: they could not be read
}

// Describe sends their rows of the table. It is the registry's.
func (c *few) Describe(ch chan<- *prometheus.Desc) {
	for _, row := range table {
		if row.few() {
			ch <- row.desc
		}
	}
}

// Collect sends their values. It is the registry's.
func (c *few) Collect(ch chan<- prometheus.Metric) {
	c.agent(ch, c.a.Snapshot())
	if c.f != nil {
		conntrack(ch, c.f)
	}
}

// seconds is a moment as metrics have it; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

func conntrack(ch chan<- prometheus.Metric, f *traffic.Figures) {
	ch <- entries.value(float64(f.Conntrack.Entries))
	ch <- limit.value(float64(f.Conntrack.Max))
	ch <- events.value(float64(f.Events.New), "new")
	ch <- events.value(float64(f.Events.Destroy), "destroy")
	ch <- lost.value(float64(f.Events.Lost))
	ch <- resyncs.value(float64(f.Events.Resyncs))
}

func uplinks(ch chan<- prometheus.Metric, all []agent.Uplink) {
	for i := range all {
		u := &all[i]
		ch <- uplinkUp.value(flag(u.State == agent.UplinkUp), u.Name)
		ch <- uplinkFails.value(float64(u.Failures), u.Name)
	}
}

func (c *few) agent(ch chan<- prometheus.Metric, s agent.Snapshot) {
	uplinks(ch, s.Uplinks)
	for _, why := range []string{agent.EndedServer, agent.EndedService, agent.EndedZone, agent.EndedDown, agent.EndedUplink} {
		ch <- staleEnd.value(float64(s.FlowsEnded[why]), why)
	}
	for _, result := range []string{agent.Applied, agent.Unchanged, agent.Refused, agent.Incomplete, agent.Reverted} {
		ch <- applies.value(float64(s.Policy.Applied[result]), result)
	}
	for stage, took := range s.Policy.Stages {
		ch <- applyStages.value(took, stage)
	}
	ch <- applySince.value(seconds(s.Policy.AppliedAt))
	ch <- policyError.value(flag(s.Policy.Error != ""))
	ch <- onTrial.value(flag(s.Trial != nil))
	if !s.Policy.FilesModified.IsZero() {
		ch <- filesNow.value(seconds(s.Policy.FilesModified))
		ch <- filesThen.value(seconds(s.Policy.FilesInForce))
	}
	ch <- driftStands.value(float64(len(s.Drift.Standing)))
	ch <- policyInfo.value(1, s.Policy.Hash)
	ch <- drifts.value(float64(s.Drift.Repairs))
	found := map[policy.Severity]int{policy.Error: 0, policy.Warning: 0, policy.Info: 0}
	for _, d := range c.a.Lint() {
		found[d.Severity]++
	}
	for severity, n := range found {
		ch <- lintFound.value(float64(n), string(severity))
	}
	ch <- buildInfo.value(1, c.m.o.Version, runtime.Version())
}
