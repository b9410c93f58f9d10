// Package metrics shows what an agent knows and counts to Prometheus. All metrics stand in one table;
// no label ever names a client or a destination.
package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is a row of the table.
type Metric struct {
	Name   string
	Kind   string // counter, "gauge" or "histogram"
	Labels []string
	Help   string
	Of     Of

	desc   *prometheus.Desc
	sorted []int // places of the labels, by name
}

// The kinds of metrics.
const (
	counter    = "counter"
	gauge      = "gauge"
	histograms = "histogram"
)

// Of says what a metric is about, and so where its values come from.
type Of int

// What metrics are about.
const (
	OfService Of = iota
	OfServer     // left out with Options.NoServers
	OfZone
	OfPool
	OfConntrack
	OfUplink
	OfAgent
)

// The metrics, in the order of their description. docs/metrics.md is made of them.
var (
	serviceNew   = metric(OfService, counter, "service_new_connections_total", "Connections that the service took: as the table counts them, with what elements had counted that were made anew while the agent ran.", "service")
	serviceFlows = metric(OfService, gauge, "service_flows", "Flows of the service that conntrack holds, those that wait to be forgotten included.", "service")
	serviceBytes = metric(OfService, counter, "service_bytes_total", "Bytes of the service's flows since somebody first looked, ended flows included: direction in comes from clients, out goes to them. IP headers count.", "service", "direction")

	serviceRefused = metric(OfService, counter, "service_refused_connections_total", "Connections that a limit of the service refused: as the table counts them, with what elements had counted that were made anew while the agent ran. A client that tries again counts again.", "service", "limit")

	toldPackets = metric(OfService, counter, "service_client_address_packets_total", "Packets that were to tell real servers who calls (client_address): syn and first had the option; no_room, too_large and failed passed without it. Missing where the agent may not read what its program counts.", "service", "result")

	quorumMet   = metric(OfService, gauge, "service_quorum_met", "Whether as many real servers of the service are up as its quorum asks for: while 0, sorry servers take its new connections, or nobody does. Not of services without real servers.", "service")
	serversDown = metric(OfService, gauge, "service_servers_down", "How many real servers of the service are down by their check.", "service")

	serverUp     = metric(OfServer, gauge, "server_up", "Whether the real server is up: 0 if its check says that it is down, 1 if it is up, was not checked yet, or is never checked.", "service", "server")
	serverWeight = metric(OfServer, gauge, "server_weight", "Weight by which the real server gets new connections now, in relation to the others of its service: 0 if it gets none.", "service", "server")
	serverFlows  = metric(OfServer, gauge, "server_flows", "Flows of the real server that conntrack holds.", "service", "server")
	serverNew    = metric(OfServer, counter, "server_new_connections_total", "Connections that the real server got: as the table counts them, with what elements had counted that were made anew while the agent ran, and where that counts none (more than 32768 slots) those that began since somebody first looked.", "service", "server")
	checkFails   = metric(OfServer, counter, "check_failures_total", "Checks of the real server that failed.", "service", "server")

	checkSeconds = metric(OfService, histograms, "check_duration_seconds", "How long checks of the service's real servers took, failed ones included.", "service")

	zoneFlows   = metric(OfZone, gauge, "zone_flows", "Flows of the zone that conntrack holds.", "zone")
	zoneNew     = metric(OfZone, counter, "zone_new_connections_total", "Connections that the zone decided about, refused ones included: as the table counts them, with what elements had counted that were made anew while the agent ran.", "zone")
	zoneRefused = metric(OfZone, counter, "zone_refused_connections_total", "The same of a zone's limits.", "zone", "limit")

	laddrFlows   = metric(OfPool, gauge, "laddr_flows", "Flows that have the laddr as their source, of all zones and services that use the pool. Of pools with more than 256 laddrs those with flows are listed.", "pool", "laddr")
	poolUse      = metric(OfPool, gauge, "pool_max_destination_utilization_ratio", "Share of a laddr's ports in use toward one destination, at the laddr and destination of the pool where it is largest. From 0.87 on new connections begin to fail.", "pool")
	poolFailures = metric(OfPool, counter, "pool_allocation_failures_total", "Connections that zones gave to the pool and conntrack never got, since no port was free: the kernel drops their first packet in silence.", "pool")

	entries  = metric(OfConntrack, gauge, "conntrack_entries", "Entries of the conntrack table.")
	limit    = metric(OfConntrack, gauge, "conntrack_limit", "Entries that the conntrack table may hold (net.netfilter.nf_conntrack_max).")
	events   = metric(OfConntrack, counter, "conntrack_events_total", "Conntrack events that the agent heard, while somebody looks: new or destroy.", "event")
	lost     = metric(OfConntrack, counter, "conntrack_events_lost_total", "Conntrack events that came faster than the agent read them.")
	resyncs  = metric(OfConntrack, counter, "conntrack_resyncs_total", "Lists of all flows that made lost events good.")
	staleEnd = metric(OfConntrack, counter, "stale_flows_ended_total", "Flows that the agent ended: of a real server that was removed or went down, of an uplink that went down, or that a changed service or zone would not make any more.", "reason")

	uplinkUp    = metric(OfUplink, gauge, "uplink_up", "Whether the uplink is up: 0 if its interface, its check or an operator says that it is not. One that is never checked is up while its interface carries.", "uplink")
	uplinkFails = metric(OfUplink, counter, "uplink_check_failures_total", "Checks of the uplink's targets that failed.", "uplink")

	applies     = metric(OfAgent, counter, "apply_total", "Policies that were to be put in force, by what came of it: applied, unchanged, refused, incomplete or reverted.", "result")
	applyStages = metric(OfAgent, gauge, "apply_duration_seconds", "How long each stage of the newest apply took.", "stage")
	applySince  = metric(OfAgent, gauge, "apply_last_success_timestamp_seconds", "When the policy in force was applied, in seconds since 1970.")
	policyInfo  = metric(OfAgent, gauge, "policy_info", "1, labelled with the hash of the policy in force.", "hash")
	policyError = metric(OfAgent, gauge, "policy_error", "1 while the newest policy is not in force: it is invalid, the kernel refuses it, or nobody confirmed it.")
	onTrial     = metric(OfAgent, gauge, "policy_on_trial", "1 while the policy in force awaits confirmation.")
	filesNow    = metric(OfAgent, gauge, "policy_file_timestamp_seconds", "When the newest of the policy files was changed, in seconds since 1970.")
	filesThen   = metric(OfAgent, gauge, "policy_applied_file_timestamp_seconds", "The same as it was when the policy in force was read from the files; 0 if it was not. The two differ while the files say something else than what is in force.")
	drifts      = metric(OfAgent, counter, "drift_repairs_total", "How often the agent repaired what others had changed in the table.")
	driftStands = metric(OfAgent, gauge, "drift_standing", "How many objects of the table differ from the policy and are not repaired.")
	lintFound   = metric(OfAgent, gauge, "lint_problems", "What snatctl lint finds in the policy in force, by severity: error, warning or info.", "severity")
	buildInfo   = metric(OfAgent, gauge, "build_info", "1, labelled with the version of snatctl and of Go.", "version", "goversion")
)

var table []*Metric

// metric adds a row.
func metric(of Of, kind, name, help string, labels ...string) *Metric {
	m := &Metric{Name: "snatctl_" + name, Kind: kind, Labels: labels, Help: help, Of: of}
	m.desc = prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)
	for i := range labels {
		m.sorted = append(m.sorted, i)
	}
	slices.SortFunc(m.sorted, func(a, b int) int { return strings.Compare(labels[a], labels[b]) })
	table = append(table, m)
	return m
}

// few tells whether it has few values, whatever the policy.
func (m *Metric) few() bool { return m.Of == OfConntrack || m.Of == OfUplink || m.Of == OfAgent }

// Table returns all metrics, in the order of their description.
func Table() []*Metric { return table }

func (m *Metric) value(v float64, labels ...string) prometheus.Metric {
	kind := prometheus.GaugeValue
	if m.Kind == counter {
		kind = prometheus.CounterValue
	}
	return prometheus.MustNewConstMetric(m.desc, kind, v, labels...)
}
