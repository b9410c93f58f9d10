package integration

import (
	"maps"
	"net/netip"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/snatctl/snatctl/internal/nstest"
)

// scraped is what a scrape says: values by name and labels, as they are written.
type scraped map[string]float64

// scrape asks an agent with --http for its metrics.
func (a *agentRun) scrape(t *testing.T, at string) (scraped, string) {
	t.Helper()
	code, body := curl(t, a.h, at+"/metrics")
	if code != "200" {
		t.Fatalf("the scrape says %s: %s", code, body)
	}
	s := scraped{}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[i+1:]), 64)
		if err != nil {
			t.Fatalf("%q is no value", line)
		}
		s[line[:i]] = v
	}
	return s, body
}

// counts waits until scrapes have some values.
func (a *agentRun) counts(t *testing.T, at string, want scraped) {
	t.Helper()
	var got scraped
	defer func() {
		if t.Failed() {
			t.Logf("metrics (-want +got):\n%s", gocmp.Diff(want, got))
		}
	}()
	eventually(t, "metrics to be right", func() bool {
		s, _ := a.scrape(t, at)
		got = scraped{}
		for name := range want {
			if v, ok := s[name]; ok {
				got[name] = v
			}
		}
		return maps.Equal(got, want)
	})
}

// flowsWith are those of a host's flows that somebody keeps, as conntrack lists them.
func flowsWith(t *testing.T, h *nstest.Host, keep func(nstest.Flow) bool) []nstest.Flow {
	t.Helper()
	all, err := h.Flows(t.Context())
	must(t, err)
	return slices.DeleteFunc(all, func(f nstest.Flow) bool { return !keep(f) })
}

// listens tells how many sockets of an agent hear of conntrack events: column Groups of /proc/net/netlink.
func (a *agentRun) listens(t *testing.T) (n int) {
	t.Helper()
	for line := range strings.Lines(output(t, a.h, "cat", "/proc/net/netlink")) {
		if w := strings.Fields(line); len(w) > 3 && w[1] == "12" && w[3] != "00000000" { // NETLINK_NETFILTER
			n++
		}
	}
	return n
}

const measured = `
version: 1
gateway: {uplinks: [wan0, wan1]}
laddrs:
  office: {addresses: [198.51.100.1], ports: 40000-40063}
zones:
  - {name: office, from: 10.1.0.0/16, laddrs: office}
  - {name: guests, from: 10.2.0.0/16, laddrs: [198.51.100.3]}
services:
  - {name: web, vip: 203.0.113.10, ports: tcp/80, mode: nat, real_servers: [192.168.1.1, 192.168.1.2], health_check: {type: tcp, port: 8080, interval: 500ms, timeout: 400ms, rise: 1, fall: 1}}
`

// Metrics say what conntrack lists, and what the test itself did: live flows, those that have ended, and
// those that were ended.
func TestMetrics(t *testing.T) {
	s := startSite(t, "")
	a := runAgent(t, s.Gateway, measured, "--http", "127.0.0.1:0")
	at := a.window(t)
	for _, rs := range []string{"192.168.1.1", "192.168.1.2"} {
		awaitHealth(t, s.Gateway, "web", rs, "up")
	}
	if n := a.listens(t); n != 0 {
		t.Errorf("it hears of flows by %d sockets before anybody asks", n)
	}
	before, _ := a.scrape(t, at)
	if n := a.listens(t); n != 1 {
		t.Errorf("it hears of flows by %d sockets once somebody has asked", n)
	}

	const calls = 30
	if got := s.asks(t, "tcp", "203.0.113.10:80", calls); got["rs1"] != calls/2 || got["rs2"] != calls/2 {
		t.Fatalf("calls go to %v", got)
	}
	held := holdAll(t, s.Office, "tcp", "203.0.113.10:80", 2, 2)
	for _, host := range []*nstest.Host{s.Office, s.Office, s.Guests} {
		_, err := host.Ask("udp", "", "8.8.8.8:53")
		must(t, err)
	}
	web := func(f nstest.Flow) bool { return f.Orig.Dst == netip.MustParseAddrPort("203.0.113.10:80") }
	ours := func(f nstest.Flow) bool { return web(f) || f.SNAT() }
	opened := float64(calls + len(held))
	var in, out float64
	eventually(t, "bytes to be conntrack's", func() bool {
		in, out = 0, 0
		for _, rs := range []string{"192.168.1.1:80", "192.168.1.2:80"} {
			i, o := carried(t, s.Gateway, rs)
			in, out = in+float64(i), out+float64(o)
		}
		got, _ := a.scrape(t, at)
		return in > 0 && in == got[`snatctl_service_bytes_total{direction="in",service="web"}`] &&
			out == got[`snatctl_service_bytes_total{direction="out",service="web"}`]
	})
	want := scraped{
		`snatctl_service_new_connections_total{service="web"}`:                     opened,
		`snatctl_service_flows{service="web"}`:                                     opened,
		`snatctl_server_flows{server="192.168.1.1",service="web"}`:                 opened / 2,
		`snatctl_server_new_connections_total{server="192.168.1.1",service="web"}`: opened / 2,
		`snatctl_server_new_connections_total{server="192.168.1.2",service="web"}`: opened / 2,
		`snatctl_server_up{server="192.168.1.2",service="web"}`:                    1,
		`snatctl_server_weight{server="192.168.1.2",service="web"}`:                1,
		`snatctl_check_failures_total{server="192.168.1.2",service="web"}`:         0,
		`snatctl_zone_flows{zone="office"}`:                                        2,
		`snatctl_zone_new_connections_total{zone="office"}`:                        2,
		`snatctl_zone_flows{zone="guests"}`:                                        1,
		`snatctl_laddr_flows{laddr="198.51.100.1",pool="office"}`:                  2,
		`snatctl_laddr_flows{laddr="198.51.100.3",pool="zone guests"}`:             1,
		`snatctl_pool_max_destination_utilization_ratio{pool="office"}`:            2.0 / 64,
		`snatctl_pool_allocation_failures_total{pool="office"}`:                    0,
		`snatctl_pool_allocation_failures_total{pool="zone guests"}`:               0,
		`snatctl_conntrack_events_lost_total`:                                      0,
		`snatctl_conntrack_resyncs_total`:                                          0,
		`snatctl_apply_total{result="applied"}`:                                    1,
		`snatctl_drift_repairs_total`:                                              0,
		`snatctl_policy_info{hash="` + a.snapshot(t).Policy.Hash + `"}`:            1,
		`snatctl_stale_flows_ended_total{reason="real_server_removed"}`:            0,
	}
	a.counts(t, at, want)
	now, text := a.scrape(t, at)
	if n := now[`snatctl_conntrack_events_total{event="new"}`] - before[`snatctl_conntrack_events_total{event="new"}`]; n < opened+3 {
		t.Errorf("%v events of %v new flows", n, opened+3)
	}
	if n := now[`snatctl_check_duration_seconds_count{service="web"}`]; n < 2 || now[`snatctl_check_duration_seconds_bucket{service="web",le="+Inf"}`] != n {
		t.Errorf("%v checks are counted", n)
	}
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(text)
	if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, said)
	}

	// A real server goes: its live flow is ended, and what it carried stays in the sum.
	a.write(t, strings.Replace(measured, ", 192.168.1.2]", "]", 1))
	removed := `snatctl_stale_flows_ended_total{reason="real_server_removed"}`
	eventually(t, "flows to be ended", func() bool { now, _ = a.scrape(t, at); return now[removed] == opened/2 })
	nft(t, s.Gateway, "flush chain inet snatctl zones")
	must(t, s.Gateway.FlushFlows(t.Context()))
	eventually(t, "nothing to be left of them", func() bool { return len(flowsWith(t, s.Gateway, ours)) == 0 })
	a.counts(t, at, scraped{
		`snatctl_service_flows{service="web"}`:                                     0,
		`snatctl_zone_flows{zone="office"}`:                                        0,
		`snatctl_service_bytes_total{direction="in",service="web"}`:                in,
		`snatctl_service_bytes_total{direction="out",service="web"}`:               out,
		`snatctl_service_new_connections_total{service="web"}`:                     opened,
		`snatctl_server_new_connections_total{server="192.168.1.1",service="web"}`: opened / 2,
		`snatctl_laddr_flows{laddr="198.51.100.1",pool="office"}`:                  0,
		`snatctl_apply_total{result="applied"}`:                                    2,
		`snatctl_drift_repairs_total`:                                              1,
	})
	if now, _ = a.scrape(t, at); slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(s string) bool { return strings.Contains(s, "192.168.1.2") }) {
		t.Error("metrics of a real server are shown that is gone")
	}
	nft(t, s.RS[0], "table inet dead { chain in { type filter hook input priority 0; tcp dport 8080 reject with tcp reset; }; }")
	eventually(t, "the real server to be down", func() bool {
		now, _ = a.scrape(t, at)
		return now[`snatctl_server_up{server="192.168.1.1",service="web"}`] == 0 && now[`snatctl_check_failures_total{server="192.168.1.1",service="web"}`] >= 1 &&
			now[`snatctl_server_weight{server="192.168.1.1",service="web"}`] == 0
	})
}

// A pool of 64 ports is filled toward one destination. Each connection that gets none is counted as failed,
// of its pool alone; toward another destination none fails.
func TestMetricsPoolExhausted(t *testing.T) {
	s := startSite(t, "")
	a := runAgent(t, s.Gateway, measured, "--http", "127.0.0.1:0", "--metrics-servers=false")
	at := a.window(t)
	failed := `snatctl_pool_allocation_failures_total{pool="office"}`
	if first, _ := a.scrape(t, at); first[failed] != 0 {
		t.Fatalf("%v connections failed before there are any", first[failed])
	}
	// Each socket sends one datagram, so there are as many connections as come. Of those that are sent a
	// machine under load may lose some on the way.
	nft(t, s.Gateway, `table inet seen {
		counter there { }
		counter elsewhere { }
		chain pre { type filter hook prerouting priority raw; iifname "lan0" udp dport 53 ip daddr 8.8.8.8 counter name there; iifname "lan0" udp dport 53 ip daddr 9.9.9.9 counter name elsewhere; }
	}`)
	seen := func(name string) (n int) {
		t.Helper()
		_, text, _ := strings.Cut(output(t, s.Gateway, "nft", "list", "counter", "inet", "seen", name), "packets ")
		n, err := strconv.Atoi(strings.Fields(text)[0])
		must(t, err)
		return n
	}
	try := func(from *nstest.Host, to string, n int) {
		t.Helper()
		for range n {
			c, err := from.Dial("udp", "", to)
			must(t, err)
			t.Cleanup(func() { c.Close() }) // a port that is free again may be taken again, and is no new connection then
			_, err = c.Write([]byte("?\n"))
			must(t, err)
		}
	}
	there := func(f nstest.Flow) bool {
		return f.SNAT() && f.Reply.Dst.Addr() == netip.MustParseAddr("198.51.100.1") && f.Orig.Dst == netip.MustParseAddrPort("8.8.8.8:53")
	}
	var tried, missing, all float64
	fill := func(n int) {
		t.Helper()
		try(s.Office, "8.8.8.8:53", n)
		try(s.Office, "9.9.9.9:53", n/4)
		try(s.Guests, "8.8.8.8:53", n)
		eventually(t, "all to have come", func() bool {
			tried, all = float64(seen("there")), float64(seen("there")+seen("elsewhere"))
			missing = tried - float64(len(flowsWith(t, s.Gateway, there)))
			got, _ := a.scrape(t, at)
			return got[`snatctl_zone_new_connections_total{zone="office"}`] == all && float64(seen("there")+seen("elsewhere")) == all
		})
	}
	if fill(40); missing != 0 {
		t.Fatalf("%v of %v connections fail with 64 ports", missing, tried)
	}
	a.counts(t, at, scraped{failed: 0, `snatctl_pool_max_destination_utilization_ratio{pool="office"}`: tried / 64})
	for range 2 {
		if fill(40); missing < tried-64 || tried <= 64 {
			t.Fatalf("%v of %v connections fail with 64 ports", missing, tried)
		}
		if n := conntrackStat(t, s.Gateway, "insert_failed"); float64(n) < missing {
			t.Errorf("conntrack says that %d failed, and the test counts %v", n, missing)
		}
		a.counts(t, at, scraped{
			failed: missing,
			`snatctl_pool_allocation_failures_total{pool="zone guests"}`:    0,
			`snatctl_pool_max_destination_utilization_ratio{pool="office"}`: (tried - missing) / 64,
			`snatctl_laddr_flows{laddr="198.51.100.1",pool="office"}`:       all - missing,
			`snatctl_service_flows{service="web"}`:                          0,
		})
	}
	if now, _ := a.scrape(t, at); slices.ContainsFunc(slices.Collect(maps.Keys(now)), func(s string) bool { return strings.Contains(s, "server=") }) {
		t.Error("metrics of real servers are shown in spite of --metrics-servers=false")
	}
}
