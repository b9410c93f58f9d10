package lint

import (
	"slices"

	"github.com/snatctl/snatctl/policy"
)

// healthRules are the rules about health checks, and about what services do by them.
func healthRules() []Rule { return slices.Concat(checkRules(), downRules()) }

// checkRules are about health checks.
func checkRules() []Rule {
	return []Rule{{
		Code: "A03", Severity: policy.Warning, check: slowChecks,
		Title: "A health check may take longer than its interval.",
		Why: "A check never overlaps itself. While a server does not answer, each check lasts until its timeout, so the next one is late, and the server " +
			"goes down later than interval and fall say.",
	}, {
		Code: "A04", Severity: policy.Warning, check: lateChecks,
		Title: "A health check needs over a minute to notice that a server is dead.",
		Why:   "Until `fall` checks in a row have failed, the server gets its share of new connections, and all of them fail.",
	}, {
		Code: "A05", Severity: policy.Warning, check: otherProtocol,
		Title: "A health check asks by a protocol that the service does not have.",
		Why: "Without `port` a check asks the port of the service. If the service is UDP alone, nobody may listen there on TCP, and all its servers " +
			"are down. If it is TCP alone, a UDP packet there is answered by silence or an ICMP error, which says nothing about the service.",
	}, {
		Code: "A06", Severity: policy.Warning, check: silentUDP,
		Title: "A udp check takes silence for health.",
		Why: "Without `expect` only an ICMP error is down. A host that is switched off sends none, so its server stays up for ever. Send " +
			"something that the server answers, and expect a piece of the answer.",
	}, {
		Code: "A07", Severity: policy.Info, check: execChecks,
		Title: "A health check runs a program.",
		Why: "The agent runs programs only with `--allow-exec`, since whoever may change the policy could otherwise run anything as the agent. Without it " +
			"the agent refuses the policy. A program for each check and server also costs much more than the built-in types.",
	}, {
		Code: "A08", Severity: policy.Warning, check: unusedChecks,
		Title: "No service uses a health check.",
		Why:   "Either a service names the wrong one, or lacks `health_check` and its dead servers get connections.",
	}, {
		Code: "A09", Severity: policy.Warning, check: unnamedCertificates,
		Title: "A certificate is verified for no name.",
		Why: "Without `sni` and `host` the certificate must be valid for the address of the real server. Few certificates have addresses, and then all " +
			"servers are down.",
	}}
}

// downRules are about what services do when real servers are down.
func downRules() []Rule {
	return []Rule{{
		Code: "A20", Severity: policy.Warning, check: uncheckedService,
		Title: "A service says what happens to real servers that are down, but has no health check.",
		Why: "Without a health check no server is ever down, unless somebody takes it down by hand. So panic, slow start and sorry servers would wait " +
			"for something that does not come.",
	}, {
		Code: "A21", Severity: policy.Warning, check: forgottenService,
		Title: "A service has no health check, although others have one.",
		Why:   "Its dead real servers get connections like the others. If the service is not to be checked, `health_check: none` says so.",
	}, {
		Code: "A22", Severity: policy.Warning, check: impossibleQuorum,
		Title: "The quorum is more than the real servers that there are.",
		Why: "The service never takes connections while an agent runs, since there are never so many real servers up. Those of weight 0 do not " +
			"count, as they take no new connections.",
	}, {
		Code: "A23", Severity: policy.Warning, check: tightQuorum,
		Title: "The service closes as soon as one real server is down.",
		Why: "The quorum needs every real server, so each of them can end the service: more servers make it less reliable, not more. A percentage is " +
			"rounded up, so with few servers it may need more of them than it seems to.",
	}, {
		Code: "A24", Severity: policy.Warning, check: wideHysteresis,
		Title: "Quorum and hysteresis together are more than the real servers that there are.",
		Why: "A service that was closed comes back when all of its real servers are up, even if one of them is broken for good. A smaller " +
			"hysteresis is reached earlier.",
	}, {
		Code: "A25", Severity: policy.Warning, check: sorryRealServers,
		Title: "A sorry server is also a real server of the service.",
		Why:   "It is asked to say sorry when too few real servers are up, and so probably is down itself, or short of what made the others fail.",
	}, {
		Code: "A26", Severity: policy.Warning, check: sorryFamily,
		Title: "Clients of one family have no sorry server.",
		Why:   "Sorry servers serve clients of their own family, as real servers do. The others get `on_empty`.",
	}, {
		Code: "A27", Severity: policy.Warning, check: familiesApart,
		Title: "All real servers of one family may be down while the quorum is met.",
		Why: "The quorum counts the real servers of both families. If all of one family are down and those of the other are enough, the clients of " +
			"the first get `on_empty`, and no sorry server takes over. Two services, one for each family, have a quorum each.",
	}, {
		Code: "A28", Severity: policy.Warning, check: panicFirst,
		Title: "Panic comes before the quorum can be missed.",
		Why: "With a smaller share than `panic` up, all real servers get connections. If that is so whenever the quorum is missed, the service is " +
			"never closed, and its sorry servers never get a connection.",
	}, {
		Code: "A29", Severity: policy.Warning, check: hashedSlowStart,
		Title: "Slow start does nothing with the schedulers sh and dh.",
		Why: "Each step of a slow start changes the number of slots, and with sh and dh that sends most clients to another server. So the agent gives " +
			"such a server its full share at once. With mh few clients move.",
	}, {
		Code: "A30", Severity: policy.Warning, check: keptUDP,
		Title: "UDP flows stay with a real server that is down.",
		Why: "A UDP client that goes on sending keeps its flow alive, and with `on_down: keep` the flow goes to the dead server for ever. TCP " +
			"clients notice and call again.",
	}, {
		Code: "A31", Severity: policy.Warning, check: ignoredWeights,
		Title: "The scheduler lc ignores weights that differ.",
		Why:   "With an agent, lc gives each real server the same number of live connections, whatever its weight. wlc takes weights into account.",
	}}
}
