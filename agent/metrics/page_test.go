package metrics

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/golden"
)

// TestMetricsPage makes docs/metrics.md of the table of metrics; -update writes it.
func TestMetricsPage(t *testing.T) {
	golden.Text(t, "../../docs/metrics.md", page())
}

var (
	block = regexp.MustCompile("(?s)```promql\n(.*?)```")
	named = regexp.MustCompile(`snatctl_\w+`)
)

// Prometheus can read every query of the page, and they ask for metrics that there are.
func TestPageQueries(t *testing.T) {
	var rules bytes.Buffer
	rules.WriteString("groups:\n- name: page\n  rules:\n")
	for _, b := range block.FindAllSubmatch(page(), -1) {
		for line := range strings.Lines(string(b[1])) {
			query, _, _ := strings.Cut(line, "#")
			fmt.Fprintf(&rules, "  - {record: 'page:%d', expr: '%s'}\n", rules.Len(), strings.TrimSpace(query))
			for _, name := range named.FindAllString(query, -1) {
				if !slices.ContainsFunc(Table(), func(row *Metric) bool {
					return row.Name == name || row.Kind == "histogram" && strings.HasPrefix(name, row.Name+"_")
				}) {
					t.Errorf("the page asks for %s, which does not exist", name)
				}
			}
		}
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, rules.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules: %v\n%s\n%s", err, out, rules.Bytes())
	}
}

const pageHead = `# Metrics

This page is made from the table of metrics in ` + "`agent/metrics/table.go`" + `. Do not edit it: change that, and run ` + "`make docs`" + `.

An agent with ` + "`--http`" + ` serves metrics for Prometheus at ` + "`/metrics`" + `; [HTTP](http.md) says who may ask.

` + "```sh" + `
snatctl agent -f /etc/snatctl/policy.yaml --http 127.0.0.1:9310
curl -s http://127.0.0.1:9310/metrics | grep ^snatctl_conntrack
` + "```" + `

` + "```yaml" + `
scrape_configs:
  - job_name: snatctl
    scrape_interval: 15s
    static_configs: [{targets: ["127.0.0.1:9310"]}]
` + "```" + `

## What they cost

Nothing is counted for them in the way of packets: new connections are counted by the table, which does so anyway, and all else is read when
somebody asks. A scrape, the page and the API share one reading, which is made beside the agent's loop. It is a second old at most, and on
a gateway with very many services or flows up to four times what a reading takes. Since bytes of connections that end between two
readings would be missing, the agent hears of new and ended flows, too, from the first scrape until ten minutes after the last one.

Counters that count "since somebody first looked" begin at 0 with the first scrape, and stay as they are while nobody looks. Counters of the
table outlive the agent, but for what elements had counted that were made anew since: such a sum begins lower with the next agent.

Every real server has five series. Beyond 10,000 real servers ` + "`--metrics-servers=false`" + ` leaves them out: quorums, totals of services and
` + "`server_down`" + ` in [the log](logs.md) still tell. No label ever names a client or a destination.

## All metrics
`

const pageTail = `
Pools that a zone or service has in line, and masquerade, have the name of who uses them: ` + "`zone office`, `service web`" + `.

How failed allocations are found: the kernel takes the last port that it tried, finds when the packet leaves that it is in use, and drops
it. No event tells of that, and the element of the zone has counted the connection by then. So what failed is what elements counted,
less the flows that began, and never more than ` + "`insert_failed`" + ` of ` + "`conntrack -S`" + `. A client that tries again counts again. Under a steady stream the
number is late by the connections that begin while the flows are read. Services have no element behind which their laddrs are
chosen, so what fails for FULLNAT shows in ` + "`insert_failed`" + ` and in the utilization alone.

## Queries

` + "```promql" + `
sum by (service) (rate(snatctl_service_new_connections_total[5m]))   # new connections a second
sum by (service, direction) (rate(snatctl_service_bytes_total[5m])) * 8   # bits a second
sum by (service) (snatctl_server_up == bool 0)   # real servers that are down
snatctl_server_new_connections_total / on (service) group_left sum by (service) (snatctl_server_new_connections_total)   # share that a real server got
histogram_quantile(0.99, sum by (service, le) (rate(snatctl_check_duration_seconds_bucket[5m])))   # the slowest 1 % of checks
snatctl_pool_max_destination_utilization_ratio > 0.8   # pools that soon refuse connections
rate(snatctl_pool_allocation_failures_total[5m]) > 0   # pools that do
topk(10, snatctl_laddr_flows)   # the busiest laddrs
snatctl_conntrack_entries / snatctl_conntrack_limit   # how full the table is
increase(snatctl_drift_repairs_total[1h]) > 3   # somebody fights with the agent
time() - snatctl_apply_last_success_timestamp_seconds   # age of the policy in force
` + "```" + `

[Monitoring](monitoring.md) has alerts for these.
`

func page() []byte {
	var b bytes.Buffer
	b.WriteString(pageHead)
	titles := []string{"Services", "Real servers", "Zones", "Pools", "Conntrack", "The agent"}
	for of, title := range titles {
		fmt.Fprintf(&b, "\n### %s\n\n| metric | type | labels | means |\n|---|---|---|---|\n", title)
		for _, row := range Table() {
			labels := ""
			if len(row.Labels) > 0 {
				labels = "`" + strings.Join(row.Labels, "` `") + "`"
			}
			if row.Of == Of(of) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", row.Name, row.Kind, labels, row.Help)
			}
		}
	}
	b.WriteString(pageTail)
	return b.Bytes()
}
