package journal

// Attribute is one that events have.
type Attribute struct {
	Name     string
	Meaning  string
	Measures bool // its values do not tell messages apart: they measure, or count
}

// Attributes are all that events have, sorted by name.
var Attributes = []Attribute{
	{"address", "where the agent answers over HTTP", false},
	{"after", "how long etcd did not answer", true},
	{"applied_at", "when the policy was applied", true},
	{"applied_by", "who applied the policy", false},
	{"are", "the addresses that the interface has", false},
	{"at", "`file:line:column`", false},
	{"by", "the user who asked for it", false},
	{"bytes", "how many bytes were fetched: chunks that are known already are not", true},
	{"canary", "whether the policy is on trial on this node", false},
	{"capacity", "how many ports a laddr has toward one destination", true},
	{"changes", "what that changed in the table, as `snatctl diff` counts it", false},
	{"clients", "how many clients", true},
	{"code", "of a finding: `snatctl lint --explain CODE`", false},
	{"confirm", "how long the policy waits for `snatctl confirm`; zero: it does not", false},
	{"connections", "how many connections", true},
	{"destination", "`address:port/protocol`", false},
	{"detail", "of an object: how it differs", false},
	{"endpoint", "URL of a member of etcd", false},
	{"entries", "how many flows there are", true},
	{"error", "what failed, and why", false},
	{"events", "how many events", true},
	{"file", "path of a file", false},
	{"flows", "how many flows", true},
	{"flows_ended", "how many flows were ended, since they contradicted the policy or their uplink is down", true},
	{"flows_moved", "how many flows go on by another uplink, with the address that they have", true},
	{"flows_stay", "how many flows stay with the uplink: nothing else has them, or they are those of callers from outside", true},
	{"folded", "how many equal messages this line stands for", true},
	{"folded_in", "within which time they came", true},
	{"for", "of an override: how long it lasts, zero: until it is reset; of lost events: what they were read for", false},
	{"hint", "what to do", false},
	{"incomplete", "what was not done", false},
	{"interface", "name of an interface", false},
	{"key", "name of a sysctl, or the prefix of keys in etcd", false},
	{"kind", "of an override: `drain`, `down`, `up`, `weight`, `reset`", false},
	{"laddr", "a local address", false},
	{"last", "when the newest of the folded messages came", true},
	{"limit", "how many flows there may be: nf_conntrack_max", true},
	{"message", "of a finding", false},
	{"more", "how many objects or findings are not listed", true},
	{"need", "how many real servers the quorum asks for", true},
	{"next_repair_in", "how long the next repair waits", true},
	{"node", "name of this node", false},
	{"number", "of a policy that was published, counted up", true},
	{"object", "of the policy: kind and name", false},
	{"on", "true: it begins, false: it ends", false},
	{"out_after", "from the verdict to the moment that the table has it", true},
	{"path", "of a request", false},
	{"policy", "hash of the policy, as `snatctl agent status` shows it", false},
	{"pool", "name of a pool; empty for laddrs that are written in line", false},
	{"ports", "how many ports of a laddr are in use toward the destination", true},
	{"prefix", "the route, as `address/length`", false},
	{"reason", "what the check found", false},
	{"repair", "what the repair does to the object: `add`, `remove`, `change`", false},
	{"repairs", "how many repairs there were since the agent started", true},
	{"server", "real server: its address, with its port if it has one of its own", false},
	{"service", "name of a service", false},
	{"severity", "of a finding: `error`, `warning`, `info`", false},
	{"socket", "where the agent takes requests", false},
	{"table", "name of the nftables table", false},
	{"took", "how long that took", true},
	{"up", "how many real servers are up", true},
	{"uplink", "name of an uplink", false},
	{"uplinks", "how many uplinks the policy has", true},
	{"version", "of snatctl", false},
	{"warning", "what an apply would have warned of", false},
	{"was", "the state of the real server before", false},
	{"was_for", "how long that lasted", true},
	{"weight", "that an operator gives", false},
	{"were", "the addresses that the interface had", false},
	{"why", "the reason", false},
}

var measured = func() map[string]bool {
	out := map[string]bool{}
	for _, a := range Attributes {
		out[a.Name] = a.Measures
	}
	return out
}()

// measures tells whether an attribute's values do not tell messages apart.
func measures(attribute string) bool { return measured[attribute] }
