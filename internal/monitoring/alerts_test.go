package monitoring

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const (
	rulesFile = "../../packaging/monitoring/snatctl.rules.yaml"
	casesFile = "testdata/alerts.yaml"
	page      = "../../docs/monitoring.md"
	runbook   = "https://github.com/snatctl/snatctl/blob/main/docs/monitoring.md#"
)

// alert is a rule of Prometheus.
type alert struct {
	Alert       string
	Expr        string
	Labels      struct{ Severity string }
	Annotations map[string]string
}

// alerts reads the rules.
func alerts(t *testing.T) (out []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	readYAML(t, rulesFile, &file)
	for _, g := range file.Groups {
		out = append(out, g.Rules...)
	}
	return out
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// promtool runs Debian's promtool. Where there is none the test skips, but not in CI.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		if os.Getenv("SNATCTL_REQUIRE_NETNS") == "1" {
			t.Fatalf("%v; `make deps` installs it", err)
		}
		t.Skip(err)
	}
	if out, err := exec.Command("promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestRulesCheck(t *testing.T) {
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", rulesFile)
}

// The configuration of Prometheus that the page shows is one.
func TestConfigOfPage(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, config, found := strings.Cut(string(b), "```yaml\n# /etc/prometheus/prometheus.yml\n")
	config, _, ended := strings.Cut(config, "```")
	if !found || !ended {
		t.Fatalf("%s shows no prometheus.yml", page)
	}
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "config", "--syntax-only", file)
}

func TestAlerts(t *testing.T) { promtool(t, "test", "rules", casesFile) }

// Every alert has a case in which it fires and a moment in which it does not.
func TestAlertsHaveCases(t *testing.T) {
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name string           `yaml:"alertname"`
				Exp  []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	readYAML(t, casesFile, &file)
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, c := range file.Tests {
		for _, a := range c.Alerts {
			if len(a.Exp) > 0 {
				fires[a.Name] = true
			} else {
				rests[a.Name] = true
			}
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Alert] || !rests[a.Alert] {
			t.Errorf("alert %s fires in a case: %v, rests in one: %v", a.Alert, fires[a.Alert], rests[a.Alert])
		}
	}
}

// Every alert says what is wrong, what that means, and where the page tells what to do about it; and the
// page tells of no other.
func TestAlertsHaveRunbooks(t *testing.T) {
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for line := range strings.Lines(string(b)) {
		if h, ok := strings.CutPrefix(strings.TrimSpace(line), "### "); ok {
			headings = append(headings, strings.ToLower(h))
		}
	}
	used := map[string]bool{}
	for _, a := range alerts(t) {
		for _, key := range []string{"summary", "description", "runbook_url"} {
			if a.Annotations[key] == "" {
				t.Errorf("alert %s has no %s", a.Alert, key)
			}
		}
		anchor, ours := strings.CutPrefix(a.Annotations["runbook_url"], runbook)
		if used[anchor] = true; !ours || !slices.Contains(headings, anchor) {
			t.Errorf("alert %s: %s has no heading %q", a.Alert, filepath.Base(page), anchor)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels.Severity) {
			t.Errorf("alert %s has the severity %q", a.Alert, a.Labels.Severity)
		}
	}
	for _, h := range headings {
		if strings.HasPrefix(h, "snatctl") && !used[h] {
			t.Errorf("%s tells of %s, which is no alert", filepath.Base(page), h)
		}
	}
}
