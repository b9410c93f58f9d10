package lint

import "github.com/snatctl/snatctl/policy"

// strayLeaves finds a gateway that lets pass what belongs to no connection.
func strayLeaves(r *run) {
	if r.Gateway.Invalid != policy.Accept || len(r.Zones) == 0 && len(r.Services) == 0 {
		return
	}
	r.find(r.gatewayAt("invalid"), "gateway", "take `invalid: accept` out if this gateway sees both directions of its connections; else ignore this and say why",
		"packets that belong to no connection leave through uplinks with the source that they have, private ones too: no NAT sees them")
}

// PickUpKey is the sysctl by which conntrack takes up TCP connections in the middle
// (nf_conntrack-sysctl.rst).
const PickUpKey = "net/netfilter/nf_conntrack_tcp_loose"

// neverPicksUp finds a host on which connections that it has not seen begin are invalid.
func neverPicksUp(r *run, h Host) {
	if r.Gateway.Invalid == policy.Accept || h.Sysctls[PickUpKey] != "0" || r.ProxiesSyn() || r.GivesChance() { // apply sets it for these
		return
	}
	r.find(r.gatewayAt(""), "gateway", "sysctl -w "+dotted(PickUpKey)+"=1, or write `invalid: accept` if connections take different ways here",
		"%s is 0: TCP connections that this gateway has not seen begin count as invalid, and their packets toward uplinks are dropped", dotted(PickUpKey))
}

// strayRule is about packets that conntrack assigns to no connection.
func strayRule() Rule {
	return Rule{
		Code: "H07", Severity: policy.Info, check: strayLeaves, live: neverPicksUp,
		Needs: Needs{Sysctls: []string{PickUpKey}},
		Title: "Packets that belong to no connection may be good ones if routing is asymmetric.",
		Why: "Conntrack takes a TCP packet for invalid if it does not fit a connection that it has seen. If both directions pass this gateway, only " +
			"scans and the last packets of forgotten connections are invalid, and dropping them (`gateway.invalid: drop`, the default) keeps private " +
			"sources inside. Several uplinks of one gateway are no problem: all share one conntrack. Routing is asymmetric if the other direction " +
			"passes another gateway: two routers that share the traffic, or a pair after a takeover without synchronised flows. Then conntrack sees " +
			"half of each connection and takes its packets for invalid. Make the answers come back to the same gateway, or write `invalid: accept`: " +
			"but then nothing keeps such packets from leaving untranslated.",
	}
}
