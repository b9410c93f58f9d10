package metrics

import (
	"context"
	"net/http"
	"net/netip"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

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

	agent   Served
	figures func(context.Context) (*traffic.Figures, error)
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

// Handler answers scrapes: with what an agent knows, and figures that are read for all who ask.
func (m *Metrics) Handler(a Served, figures func(context.Context) (*traffic.Figures, error)) http.Handler {
	m.agent, m.figures = a, figures
	r := prometheus.NewRegistry()
	r.MustRegister(m)
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: logger{m.o.Failed}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})
}

// Describe sends the table. It is the registry's.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, row := range table {
		if !m.leftOut(row) {
			ch <- row.desc
		}
	}
}

func (m *Metrics) leftOut(row *Metric) bool { return m.o.NoServers && row.Of == OfServer }

// Collect sends all values. It is the registry's. Without figures, what they would tell is left out: a
// scrape that fails as a whole would hide what the agent knows.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	f, err := m.figures(ctx)
	if err != nil {
		m.o.Failed(err)
		f = &traffic.Figures{}
	}
	services := m.agent.Services()
	m.collectAgent(ch, m.agent.Snapshot())
	m.collectServices(ch, f)
	collectHealth(ch, services)
	if !m.o.NoServers {
		collectServers(ch, f, services)
	}
	collectPools(ch, f)
	if err == nil {
		collectConntrack(ch, f)
	}
	stands := make(map[string]bool, len(services))
	for i := range services {
		stands[services[i].Name] = true
	}
	m.checks.collect(ch, stands)
}

func (m *Metrics) collectServices(ch chan<- prometheus.Metric, f *traffic.Figures) {
	for i := range f.Services {
		s := &f.Services[i]
		ch <- serviceNew.value(float64(s.New), s.Name)
		ch <- serviceFlows.value(float64(s.Flows), s.Name)
		ch <- serviceBytes.value(float64(s.Bytes.In), s.Name, "in")
		ch <- serviceBytes.value(float64(s.Bytes.Out), s.Name, "out")
	}
	for i := range f.Zones {
		z := &f.Zones[i]
		ch <- zoneFlows.value(float64(z.Flows), z.Name)
		ch <- zoneNew.value(float64(z.New), z.Name)
	}
}

// collectHealth sends how services are as wholes.
func collectHealth(ch chan<- prometheus.Metric, services []agent.Service) {
	for i := range services {
		s := &services[i]
		if len(s.Servers) == 0 {
			continue
		}
		down := 0
		for n := range s.Servers {
			if s.Servers[n].Health == health.Down.String() {
				down++
			}
		}
		ch <- quorumMet.value(flag(s.Quorum.Met), s.Name)
		ch <- serversDown.value(float64(down), s.Name)
	}
}

// flag is 1 for what is so.
func flag(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// seconds is a moment as metrics have it; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

// collectServers sends what checks and the policy say of real servers, and what figures do.
func collectServers(ch chan<- prometheus.Metric, f *traffic.Figures, services []agent.Service) {
	known := make(map[string]*agent.Service, len(services))
	for i := range services {
		s := &services[i]
		known[s.Name] = s
		for n := range s.Servers {
			rs := &s.Servers[n]
			up, weight := 1.0, float64(rs.Share)
			if rs.Health == health.Down.String() {
				up = 0
			}
			if rs.Out {
				weight = 0
			}
			ch <- serverUp.value(up, s.Name, rs.Text())
			ch <- serverWeight.value(weight, s.Name, rs.Text())
			ch <- checkFails.value(float64(rs.Failures), s.Name, rs.Text())
		}
	}
	for i := range f.Services {
		s := &f.Services[i]
		for n := range s.Servers {
			rs := &s.Servers[n]
			at := agent.Server{Address: netip.AddrPortFrom(rs.Address, rs.Port)}
			if same := known[s.Name].Server(at.Address); same != nil {
				at = *same
			}
			ch <- serverFlows.value(float64(rs.Flows), s.Name, at.Text())
			ch <- serverNew.value(float64(rs.Opened), s.Name, at.Text())
		}
	}
}

func collectPools(ch chan<- prometheus.Metric, f *traffic.Figures) {
	for i := range f.Pools {
		p := &f.Pools[i]
		ch <- poolUse.value(p.Fullest, p.Name)
		ch <- poolFailures.value(float64(p.Failures), p.Name)
		for n := range p.Laddrs {
			ch <- laddrFlows.value(float64(p.Laddrs[n].Flows), p.Name, p.Laddrs[n].Address.String())
		}
	}
}

func collectConntrack(ch chan<- prometheus.Metric, f *traffic.Figures) {
	ch <- entries.value(float64(f.Conntrack.Entries))
	ch <- limit.value(float64(f.Conntrack.Max))
	ch <- events.value(float64(f.Events.New), "new")
	ch <- events.value(float64(f.Events.Destroy), "destroy")
	ch <- lost.value(float64(f.Events.Lost))
	ch <- resyncs.value(float64(f.Events.Resyncs))
}

func (m *Metrics) collectAgent(ch chan<- prometheus.Metric, s agent.Snapshot) {
	for _, why := range []string{agent.EndedServer, agent.EndedService, agent.EndedZone, agent.EndedDown} {
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
	for _, d := range m.agent.Lint() {
		found[d.Severity]++
	}
	for severity, n := range found {
		ch <- lintFound.value(float64(n), string(severity))
	}
	ch <- buildInfo.value(1, m.o.Version, runtime.Version())
}

// logger passes on what the handler has to say.
type logger struct{ failed func(error) }

func (l logger) Println(v ...any) {
	for _, x := range v {
		if err, ok := x.(error); ok {
			l.failed(err)
		}
	}
}
