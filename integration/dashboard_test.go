package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snatctl/snatctl/internal/monitoring"
	"github.com/snatctl/snatctl/internal/nstest"
)

// prometheus is a real one in a namespace, which scrapes an agent every second.
type prometheus struct{ client http.Client }

// runPrometheus starts one with the rules of packaging/monitoring.
func runPrometheus(t *testing.T, h *nstest.Host, target string) *prometheus {
	t.Helper()
	if _, err := exec.LookPath("prometheus"); err != nil {
		if os.Getenv("SNATCTL_REQUIRE_NETNS") == "1" {
			t.Fatalf("%v; `make deps` installs it", err)
		}
		t.Skip(err)
	}
	rules, err := filepath.Abs("../packaging/monitoring/snatctl.rules.yaml")
	must(t, err)
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: snatctl
    static_configs: [{targets: [%q]}]
`, rules, target), 0o600))
	p, err := h.Speak("prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:9090")
	must(t, err)
	t.Cleanup(p.Stop)
	_, err = p.Hear(t.Context(), time.Minute, "Server is ready to receive web requests")
	must(t, err)
	return &prometheus{http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return h.Dial("tcp", "", "127.0.0.1:9090")
	}}}}
}

// get asks its API.
func (p *prometheus) get(t *testing.T, path string, into any) {
	t.Helper()
	r, err := p.client.Get("http://prometheus" + path)
	must(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	must(t, err)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", path, r.Status, b)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v: %s", path, err, b)
	}
}

// query returns the values of an expression, as they are written.
func (p *prometheus) query(t *testing.T, expr string) (values []string) {
	t.Helper()
	var answer struct {
		Data struct {
			Result []struct{ Value [2]any }
		}
	}
	p.get(t, "/api/v1/query?query="+url.QueryEscape(expr), &answer)
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values
}

// TestDashboardData has a real Prometheus scrape a real agent: every query of the dashboard gives values, and
// every alert can be worked out.
func TestDashboardData(t *testing.T) {
	s := startSite(t, "")
	objects := "{isp1: {interface: wan0, gateway: 192.0.2.1, check: {type: icmp, targets: [192.0.2.1]}}, isp2: {interface: wan1, gateway: 198.18.1.1}}"
	// With limits, and a service that tells who calls: each panel has something to show.
	policy := strings.NewReplacer("[wan0, wan1]", objects, "laddrs: 198.51.100.1}", "laddrs: 198.51.100.1, limits: {connections_per_client: 100}}",
		"ports: tcp/80, mode: nat,", "ports: tcp/80, mode: nat, limits: {connections: 1000},", "ports: udp/53, mode: fullnat,", "ports: [udp/53, tcp/53], mode: fullnat, client_address: toa,").Replace(checked)
	a := runAgent(t, s.Gateway, policy, "--http", "127.0.0.1:0")
	p := runPrometheus(t, s.Gateway, strings.TrimPrefix(a.window(t), "http://"))
	awaitHealth(t, s.Gateway, "web", "192.168.1.3", "up")
	dies(t, s.RS[1], "drop") // so that checks fail, and a quorum is lost
	awaitHealth(t, s.Gateway, "web", "192.168.1.2", "down")

	d, err := monitoring.ReadDashboard("../packaging/monitoring/snatctl.dashboard.json")
	must(t, err)
	type question struct{ panel, expr string }
	var left []question
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			left = append(left, question{panel.Title, monitoring.Query(target.Expr, "15s")})
		}
	}
	all, told := len(left), ""
	defer func() {
		if t.Failed() {
			t.Logf("of %d queries these give nothing:\n%s", all, told)
		}
	}()
	eventually(t, "all panels to have data", func() bool {
		s.asks(t, "tcp", "203.0.113.1:80", 3)
		_, err := s.Office.Ask("udp", "", "8.8.8.8:53")
		must(t, err)
		var empty []question
		told = ""
		for _, q := range left {
			if values := p.query(t, q.expr); len(values) == 0 || strings.Contains(strings.Join(values, " "), "NaN") {
				empty = append(empty, q)
				told += fmt.Sprintf("%s: %s %v\n", q.panel, q.expr, values)
			}
		}
		left = empty
		time.Sleep(time.Second)
		return len(left) == 0
	})
	for _, note := range d.Annotations.List {
		p.query(t, monitoring.Query(note.Expr, "15s")) // it is valid, and may have nothing to say
	}
	p.alerts(t)
}

// alerts checks that all alerts are worked out without an error, and that those wait to fire whose reason the
// test made.
func (p *prometheus) alerts(t *testing.T) {
	t.Helper()
	state := map[string]string{}
	eventually(t, "the alerts to be worked out", func() bool {
		var answer struct {
			Data struct {
				Groups []struct {
					Rules []struct{ Name, State, Health, LastError string }
				}
			}
		}
		p.get(t, "/api/v1/rules", &answer)
		for _, g := range answer.Data.Groups {
			for _, r := range g.Rules {
				if state[r.Name] = r.State; r.Health != "ok" {
					t.Logf("alert %s is %s: %s", r.Name, r.Health, r.LastError)
					return false
				}
			}
		}
		return state["SnatctlServerDown"] != "inactive" && state["SnatctlQuorumLost"] != "inactive"
	})
	for name, is := range state {
		if is != "inactive" && name != "SnatctlServerDown" && name != "SnatctlQuorumLost" && name != "SnatctlLintProblems" {
			t.Errorf("alert %s is %s", name, is)
		}
	}
}
