package journal

import "log/slog"

// Event is what the agent logs of one kind. Names, levels and attributes stay as they are from version to
// version: monitoring reads them. New ones come.
type Event struct {
	Name    string
	Levels  []slog.Level
	Meaning string   // a sentence without its end
	With    []string // attributes that it may have, in their order; Attributes has their meanings
}

var (
	info     = []slog.Level{slog.LevelInfo}
	warning  = []slog.Level{slog.LevelWarn}
	failure  = []slog.Level{slog.LevelError}
	eitherOf = []slog.Level{slog.LevelWarn, slog.LevelError}
)

// Group is the events about one thing.
type Group struct {
	Title  string
	Events []Event
}

// Groups are all events of the agent. internal/docscheck holds them against the sources: whatever is logged is
// here, and the other way round.
var Groups = []Group{
	{"The policy", []Event{
		{"policy_applied", info, "a policy is in force now", []string{"policy", "table", "changes", "flows_ended", "by", "confirm", "took"}},
		{"policy_unchanged", info, "the files were touched, and hold what is in force", []string{"policy"}},
		{"policy_refused", failure, "a policy is invalid, or the kernel refuses it: the one in force stays", []string{"error"}},
		{"policy_finding", eitherOf, "one thing that is wrong with a policy, at the level of an error if it makes it invalid", []string{"at", "severity", "code", "message", "hint", "more"}},
		{"policy_retried", info, "a policy that the kernel refused is tried again", nil},
		{"policy_incomplete", warning, "what belongs to a policy in force and could not be done", []string{"error"}},
		{"policy_confirmed", info, "a policy that was on trial stays", []string{"policy"}},
		{"policy_reverted", warning, "a policy that was on trial is taken back", []string{"policy", "why"}},
		{"policy_restored", info, "the policy before a trial is in force again, and that took more than taking the trial back", []string{"policy", "changes", "incomplete"}},
		{"policy_not_restored", failure, "the policy before a trial could not be put in force: it is tried again", []string{"policy", "error"}},
		{"policy_fetched", info, "the node has another policy from etcd", []string{"number", "policy", "by", "canary", "bytes", "took"}},
		{"policy_awaited", info, "nothing is published for this node yet, and nothing is kept: the agent waits", []string{"key", "node"}},
		{"policy_unusable", failure, "what stands in etcd is not what was published: the policy in force stays", []string{"error"}},
		{"policy_unkept", failure, "the policy from etcd could not be kept on disk, for a start without etcd", []string{"error"}},
		{"etcd_lost", warning, "etcd does not answer: the policy in force stays", []string{"error"}},
		{"etcd_found", info, "etcd answers again", []string{"endpoint", "after"}},
		{"etcd_in_clear", warning, "the password for etcd can be read on the way", []string{"hint"}},
		{"report_unsent", warning, "etcd does not take what the node reports: it is tried again", []string{"error"}},
		{"report_sent", info, "etcd takes it again", nil},
		{"last_good_kept", warning, "the agent started with a policy that it refused, and keeps the last good one", []string{"policy", "applied_at", "applied_by"}},
		{"addresses_changed", info, "an interface whose addresses are VIPs has others now", []string{"service", "interface", "were", "are"}},
		{"addresses_refused", failure, "the new addresses of such an interface contradict the policy", []string{"error"}},
		{"addresses_not_applied", failure, "the kernel refuses the new addresses of such an interface: it is tried again", []string{"error"}},
	}},
	{"Real servers", []Event{
		{"server_down", warning, "a check found a real server down: it gets no new connections", []string{"service", "server", "was", "was_for", "reason", "out_after"}},
		{"server_up", info, "a check found a real server up again", []string{"service", "server", "was", "was_for"}},
		{"quorum_lost", failure, "fewer real servers of a service are up than its quorum asks for", []string{"service", "up", "need"}},
		{"quorum_met", info, "a service has its quorum again", []string{"service", "up", "need"}},
		{"sorry_servers", warning, "the sorry servers of a service take its new connections, or no longer do", []string{"service", "up", "need", "on"}},
		{"service_closed", warning, "nobody takes the new connections of a service, or somebody does again", []string{"service", "up", "need", "on"}},
		{"panic", warning, "so few real servers are up that all get connections whatever their health, or no longer so", []string{"service", "up", "need", "on"}},
		{"flows_ended", info, "flows of a real server that is down were ended, as on_down says", []string{"service", "server", "flows", "took"}},
		{"flows_not_ended", failure, "flows of a real server that is down could not be ended", []string{"error"}},
		{"flows_uncounted", failure, "flows for lc and wlc cannot be counted, so shares stay as they are: it is tried again", []string{"error"}},
		{"override_set", info, "an operator said something of a real server", []string{"service", "server", "kind", "weight", "for", "by"}},
		{"override_ended", info, "the time of an override is up", []string{"service", "server", "kind"}},
		{"checks_ended", failure, "real servers are not checked any more", []string{"error"}},
	}},
	{"Uplinks", []Event{
		{"uplink_down", warning, "new connections leave by other uplinks, as far as zones let them", []string{"uplink", "interface", "was_for", "reason", "out_after"}},
		{"uplink_up", info, "an uplink that was down is up: new connections come back to it, and others stay where they are", []string{"uplink", "interface", "was_for"}},
		{"uplinks_lost", failure, "no uplink is up: connections go on as they do", []string{"uplinks"}},
		{"uplinks_back", info, "an uplink is up again after all were down", []string{"uplinks"}},
		{"uplink_left", info, "what became of the flows of an uplink that is down", []string{"uplink", "flows_ended", "flows_moved", "flows_stay", "took"}},
		{"uplink_not_left", failure, "flows of an uplink that is down could not be ended or moved", []string{"error"}},
		{"uplink_override_set", info, "an operator said something of an uplink", []string{"uplink", "kind", "for", "by"}},
		{"uplink_override_ended", info, "the time of an override is up", []string{"uplink", "kind"}},
		{"links_unwatched", warning, "the interfaces of this machine cannot be followed: it is tried again", []string{"error"}},
	}},
	{"Room for connections", []Event{
		{"connections_refused", warning, "conntrack refused new connections: they got no port or no room", []string{"connections", "entries", "limit"}},
		{"pool_exhausted", failure, "while connections are refused, a laddr has hardly a port left toward a destination", []string{"object", "pool", "laddr", "destination", "ports", "capacity"}},
		{"events_lost", warning, "events of conntrack came faster than they were read; the flows are listed again, so only what ended meanwhile is not known", []string{"events", "for"}},
		{"conntrack_filling", warning, "the table of flows is at 75 % of its limit", []string{"entries", "limit"}},
		{"conntrack_full", failure, "the table of flows is at 95 % of its limit: new connections fail, or will very soon", []string{"entries", "limit"}},
		{"conntrack_eased", info, "the table of flows is below 70 % again", []string{"entries", "limit"}},
	}},
	{"Routers", []Event{
		{"route_withdrawn", warning, "routers are no longer told of a VIP, since none of its services has its quorum", []string{"prefix", "detail", "took", "more"}},
		{"route_announced", info, "routers are told of a VIP again", []string{"prefix", "detail", "took"}},
		{"routers_not_told", failure, "the file that BIRD includes could not be written, or BIRD does not take it: it is tried again", []string{"error"}},
	}},
	{"The table", []Event{
		{"drift_found", warning, "somebody else changed an object of the table", []string{"object", "repair", "detail", "more"}},
		{"drift_repaired", info, "the table is as the policy says again", []string{"table", "changes", "flows_ended", "why", "took"}},
		{"drift_not_repaired", failure, "the table could not be repaired: it is tried again", []string{"error"}},
		{"drift_gone", info, "what was not repaired is as it should be: somebody else took it back", []string{"table"}},
		{"drift_fight", warning, "somebody keeps changing the table, so the next repair waits", []string{"repairs", "next_repair_in", "hint"}},
		{"change_refused", warning, "the kernel refuses a change of services alone, so the whole table is read", []string{"error"}},
		{"table_not_changed", failure, "services had to change, and the table does not: it is tried again", []string{"error"}},
		{"table_unreadable", failure, "the kernel cannot be asked about the table", []string{"error"}},
		{"table_unknown", failure, "what a change made of the table is not known, so it is read before the next", []string{"error"}},
		{"state_refused", failure, "the table for the states of the services cannot be made", []string{"error"}},
		{"sysctl_set", info, "a sysctl that the policy asks for was set", []string{"key"}},
		{"clients_released", info, "persistence entries of clients were forgotten, since their real server takes no connections", []string{"clients"}},
		{"engine_warning", warning, "what `snatctl apply` would warn of", []string{"warning"}},
	}},
	{"Over HTTP", []Event{
		{"http_listening", info, "the agent answers over HTTP, as --http says", []string{"address"}},
		{"http_in_clear", warning, "the token of --http can be read on the way, since there is no TLS", []string{"address", "hint"}},
		{"http_token_read", info, "the token of --http has changed: the new one counts", []string{"file"}},
		{"http_token_refused", failure, "the token of --http cannot be taken any more: nobody is answered", []string{"error"}},
		{"http_tls_read", info, "files of TLS have changed: the new ones count", []string{"file"}},
		{"http_tls_refused", failure, "files of TLS have changed and cannot be taken: those before stay in use", []string{"error"}},
		{"scrape_incomplete", warning, "metrics lack what could not be read from the kernel", []string{"error"}},
		{"http_unanswered", failure, "a fault of the agent kept it from answering a request: please report it", []string{"path", "error"}},
		{"http_unserved", failure, "nothing is answered over HTTP any more", []string{"error"}},
	}},
	{"The agent itself", []Event{
		{"agent_started", info, "the agent holds the table and begins its work", []string{"version", "table", "socket"}},
		{"agent_yielded", warning, "the agent ends, since somebody else takes the table over", []string{"table", "why"}},
		{"agent_stopped", info, "the agent ends by a signal; the table stays", []string{"table"}},
		{"state_unreadable", failure, "what the agent before knew cannot be read: its health and overrides are forgotten", []string{"error"}},
		{"state_unwritten", failure, "what the agent knows cannot be kept for the next one", []string{"error"}},
		{"history_unreadable", warning, "the history of applied policies cannot be read", []string{"error"}},
		{"history_unwritten", failure, "an entry of the history cannot be written", []string{"error"}},
		{"source_unwatched", failure, "the files of the policy cannot be watched: it is tried again, and they are read then", []string{"error"}},
		{"socket_unserved", failure, "the socket for requests is served no more", []string{"error"}},
		{"watchdog_unknown", warning, "what systemd wants of its watchdog cannot be understood", []string{"error"}},
	}},
}
