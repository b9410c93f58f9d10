package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/snatctl/snatctl/agent"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/agent/traffic"
	"github.com/snatctl/snatctl/compiler/tell"
	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/policy"
)

// served is an agent that knows something of everything.
type served struct{}

var server1, server2 = netip.MustParseAddrPort("192.168.1.1:0"), netip.MustParseAddrPort("192.168.1.2:8080")

func (served) Snapshot() agent.Snapshot {
	return agent.Snapshot{
		Policy:  agent.Policy{Hash: "abc", Error: "no", FilesModified: time.Unix(1800000000, 0), FilesInForce: time.Unix(1700000000, 0), AppliedAt: time.UnixMilli(1700000000500), Applied: map[string]uint64{agent.Applied: 2, agent.Refused: 1}, Stages: map[string]float64{"commit": 0.25}},
		Uplinks: []agent.Uplink{{Name: "isp1", State: agent.UplinkDown, Kept: true, Failures: 6, Since: time.Unix(1700000100, 0)}, {Name: "isp2", State: agent.UplinkUp}},
		Drift:   agent.Drift{Repairs: 3, Standing: make([]tell.Change, 2)}, FlowsEnded: map[string]uint64{agent.EndedDown: 4},
	}
}

func (served) Services() []agent.Service {
	return []agent.Service{{Name: "empty"}, {Name: "web", Quorum: agent.Quorum{Need: 1, Up: 1, Met: true}, Servers: []agent.Server{
		{Address: server1, Share: 3, Health: "up"},
		{Address: server2, Share: 1, Health: "down", Out: true, Failures: 5},
	}}}
}

func (served) Lint() policy.Diagnostics {
	return policy.Diagnostics{{Severity: policy.Warning}, {Severity: policy.Warning}, {Severity: policy.Info}}
}

func counted(context.Context) (*traffic.Figures, error) {
	laddr := ct.LaddrReport{Address: netip.MustParseAddr("198.51.100.1"), Flows: 12}
	return &traffic.Figures{
		Services: []traffic.Service{{ServiceReport: &ct.ServiceReport{Name: "web", New: 10, Flows: 9, Limits: []ct.Limit{{Key: "new_per_client"}, {Key: "connections"}}, Told: &ct.Told{SYN: 8, First: 6, NoRoom: 2, TooLarge: 1}}, Opened: 100, Refused: []uint64{7, 5}, Bytes: traffic.Bytes{In: 1000, Out: 2000}, Servers: []traffic.Server{
			{ServerReport: &ct.ServerReport{Address: server1.Addr(), Port: 80, Flows: 6}, Opened: 70},
			{ServerReport: &ct.ServerReport{Address: server2.Addr(), Port: 8080, Flows: 3}, Opened: 30},
		}}},
		Zones:     []traffic.Zone{{ZoneReport: &ct.ZoneReport{Name: "office", Flows: 12, New: 4, Limits: []ct.Limit{{Key: "connections_per_client"}}}, Opened: 40, Refused: []uint64{3}}},
		Pools:     []traffic.Pool{{Name: "few", Fullest: 0.75, Failures: 11, Laddrs: []traffic.Laddr{{LaddrReport: laddr}}}},
		Conntrack: ct.Conntrack{Entries: 21, Max: 1000},
		Events:    traffic.Events{New: 50, Destroy: 29, Lost: 2, Resyncs: 1},
	}, nil
}

// ask returns what a scrape of them says.
func ask(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("the scrape says %d (%v): %s", w.Code, err, b)
	}
	return string(b)
}

// lines are those of a scrape that are no comments.
func lines(text string) (out []string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// A scrape has every metric of the table, with these values.
func TestScrape(t *testing.T) {
	m := New(Options{Version: "v1"})
	for _, took := range []time.Duration{time.Millisecond, 3 * time.Millisecond, 3 * time.Second} {
		m.Observe(health.Observation{ID: health.ID{Service: "web"}, Took: took})
	}
	m.Observe(health.Observation{ID: health.ID{Service: "gone"}})
	text := ask(t, m.Handler(served{}, counted))
	has := lines(text)
	for _, want := range []string{
		`snatctl_service_new_connections_total{service="web"} 100`,
		`snatctl_service_flows{service="web"} 9`,
		`snatctl_service_bytes_total{direction="in",service="web"} 1000`,
		`snatctl_service_bytes_total{direction="out",service="web"} 2000`,
		`snatctl_service_refused_connections_total{limit="new_per_client",service="web"} 7`,
		`snatctl_service_refused_connections_total{limit="connections",service="web"} 5`,
		`snatctl_service_quorum_met{service="web"} 1`,
		`snatctl_service_servers_down{service="web"} 1`,
		`snatctl_policy_error 1`,
		`snatctl_policy_on_trial 0`,
		`snatctl_policy_file_timestamp_seconds 1.8e+09`,
		`snatctl_policy_applied_file_timestamp_seconds 1.7e+09`,
		`snatctl_drift_standing 2`,
		`snatctl_server_up{server="192.168.1.1",service="web"} 1`,
		`snatctl_server_up{server="192.168.1.2:8080",service="web"} 0`,
		`snatctl_server_weight{server="192.168.1.1",service="web"} 3`,
		`snatctl_server_weight{server="192.168.1.2:8080",service="web"} 0`,
		`snatctl_server_flows{server="192.168.1.1",service="web"} 6`,
		`snatctl_server_new_connections_total{server="192.168.1.2:8080",service="web"} 30`,
		`snatctl_check_failures_total{server="192.168.1.2:8080",service="web"} 5`,
		`snatctl_check_duration_seconds_bucket{service="web",le="0.001"} 1`,
		`snatctl_check_duration_seconds_bucket{service="web",le="0.005"} 2`,
		`snatctl_check_duration_seconds_bucket{service="web",le="2"} 2`,
		`snatctl_check_duration_seconds_bucket{service="web",le="+Inf"} 3`,
		`snatctl_check_duration_seconds_sum{service="web"} 3.004`,
		`snatctl_check_duration_seconds_count{service="web"} 3`,
		`snatctl_zone_flows{zone="office"} 12`,
		`snatctl_zone_new_connections_total{zone="office"} 40`,
		`snatctl_zone_refused_connections_total{limit="connections_per_client",zone="office"} 3`,
		`snatctl_laddr_flows{laddr="198.51.100.1",pool="few"} 12`,
		`snatctl_pool_max_destination_utilization_ratio{pool="few"} 0.75`,
		`snatctl_pool_allocation_failures_total{pool="few"} 11`,
		`snatctl_conntrack_entries 21`,
		`snatctl_conntrack_limit 1000`,
		`snatctl_conntrack_events_total{event="new"} 50`,
		`snatctl_conntrack_events_total{event="destroy"} 29`,
		`snatctl_conntrack_events_lost_total 2`,
		`snatctl_conntrack_resyncs_total 1`,
		`snatctl_stale_flows_ended_total{reason="real_server_down"} 4`,
		`snatctl_apply_total{result="applied"} 2`,
		`snatctl_apply_total{result="reverted"} 0`,
		`snatctl_apply_duration_seconds{stage="commit"} 0.25`,
		`snatctl_apply_last_success_timestamp_seconds 1.7000000005e+09`,
		`snatctl_policy_info{hash="abc"} 1`,
		`snatctl_drift_repairs_total 3`,
		`snatctl_lint_problems{severity="error"} 0`,
		`snatctl_lint_problems{severity="warning"} 2`,
	} {
		if !slices.Contains(has, want) {
			t.Errorf("%s is not there", want)
		}
	}
	for _, row := range Table() {
		if !strings.Contains(text, "\n# TYPE "+row.Name+" "+row.Kind+"\n") {
			t.Errorf("there is no %s %s", row.Kind, row.Name)
		}
	}
	if strings.Contains(text, "gone") {
		t.Error("checks of a service that is gone are shown")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// Without servers no metric has a real server in its labels, and all others are there.
func TestWithoutServers(t *testing.T) {
	text := ask(t, New(Options{NoServers: true}).Handler(served{}, counted))
	for _, row := range Table() {
		want := row.Of != OfServer && row != checkSeconds
		if strings.Contains(text, "\n# TYPE "+row.Name+" ") != want {
			t.Errorf("%s: want it there: %v", row.Name, want)
		}
	}
	if strings.Contains(text, "server=") {
		t.Errorf("real servers are shown:\n%s", text)
	}
}

// If the kernel cannot be read, what the agent knows is shown all the same, and somebody hears of it.
func TestWithoutFigures(t *testing.T) {
	unread := errors.New("no")
	var heard error
	m := New(Options{Failed: func(err error) { heard = err }})
	has := lines(ask(t, m.Handler(served{}, func(context.Context) (*traffic.Figures, error) { return nil, unread })))
	if !slices.Contains(has, `snatctl_server_up{server="192.168.1.2:8080",service="web"} 0`) || !errors.Is(heard, unread) {
		t.Errorf("it has %q and heard %v", has, heard)
	}
	if slices.ContainsFunc(has, func(s string) bool { return strings.HasPrefix(s, "snatctl_conntrack_entries") }) {
		t.Error("values are shown that nobody read")
	}
}

// Prometheus' own checker has nothing to say against names and help texts.
func TestPromtool(t *testing.T) {
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip(err)
	}
	m := New(Options{})
	m.Observe(health.Observation{ID: health.ID{Service: "web"}})
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(ask(t, m.Handler(served{}, counted)))
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// Labels are of the policy, and of what the program does: none is a client's or a destination's.
func TestLabels(t *testing.T) {
	may := []string{"service", "server", "limit", "uplink", "zone", "pool", "laddr", "direction", "event", "reason", "result", "stage", "hash", "severity", "version", "goversion"}
	for _, row := range Table() {
		for _, label := range row.Labels {
			if !slices.Contains(may, label) {
				t.Errorf("%s has the label %s", row.Name, label)
			}
		}
	}
}

// library is the many metrics as the library makes them.
type library struct{ *scrape }

func (l library) Describe(chan<- *prometheus.Desc) {}

func (l library) Collect(ch chan<- prometheus.Metric) {
	for row, values := range many {
		values(l.scrape, func(v float64, a, b string) { ch <- row.value(v, []string{a, b}[:len(row.Labels)]...) })
	}
	buckets := map[float64]uint64{}
	for i, n := range []uint64{1, 2, 2, 2, 2, 2} {
		buckets[bounds[i].Seconds()] = n
	}
	ch <- prometheus.MustNewConstHistogram(checkSeconds.desc, 3, 3.004, buckets, "web")
}

// What is written of many metrics without the library's registry is what it would write, in every format.
func TestAsTheLibrary(t *testing.T) {
	m := New(Options{})
	for _, took := range []time.Duration{time.Millisecond, 3 * time.Millisecond, 3 * time.Second} {
		m.Observe(health.Observation{ID: health.ID{Service: "web"}, Took: took})
	}
	f, err := counted(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, s := prometheus.NewRegistry(), newScrape(f, served{}.Services(), &m.checks)
	s.name()
	r.MustRegister(&few{m, served{}, f}, library{s})
	for _, accept := range []string{"", "application/openmetrics-text;version=1.0.0", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text"} {
		w, q := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil)
		q.Header.Set("Accept", accept)
		m.Handler(served{}, counted).ServeHTTP(w, q)
		theirs := httptest.NewRecorder()
		promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(theirs, q)
		if got, want := w.Header().Get("Content-Type"), theirs.Header().Get("Content-Type"); got != want {
			t.Errorf("%s: the format is %s, want %s", accept, got, want)
		}
		got, want := slices.Sorted(strings.Lines(w.Body.String())), slices.Sorted(strings.Lines(theirs.Body.String()))
		if !slices.Equal(got, want) {
			t.Errorf("%s (-library +written):\n%s", accept, cmp.Diff(want, got))
		}
	}
}

// Every row of the table has its values from somewhere.
func TestRows(t *testing.T) {
	for _, row := range Table() {
		if (many[row] != nil || row == checkSeconds) == row.few() {
			t.Errorf("%s has no values, or has them twice", row.Name)
		}
	}
}
