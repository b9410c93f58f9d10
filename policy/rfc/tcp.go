package rfc

import (
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// answered tells whether the host itself has an address that a zone translates to, so that it answers
// calls of it.
func answered(p *policy.Policy, z *policy.Zone) bool {
	return z.Action == policy.Masquerade || p.Gateway.Addresses.Mode.OnHost() && !mapped(z)
}

// strangers are addresses that nobody inside has (RFC 5737, RFC 3849).
var strangers = map[inet.Family]netip.AddrPort{
	inet.V4: netip.MustParseAddrPort("192.0.2.255:65535"), inet.V6: netip.MustParseAddrPort("[2001:db8:ffff::ffff]:65535"),
}

// admits tells whether the gateway sends a SYN from outside to one of a zone's laddrs on, out of an uplink.
func admits(p *policy.Policy, z *policy.Zone) bool {
	for _, f := range inet.Families {
		for _, pool := range z.Pools() {
			for _, r := range pool.Ranges(f) {
				pkt := policy.Packet{Proto: inet.TCP, From: strangers[f], To: netip.AddrPortFrom(r.From, 65535)}
				pkt.OIf = p.WayOut(r.From)
				if p.Decide(pkt).Verdict != policy.Drop {
					return true
				}
			}
		}
	}
	return false
}

// tcp is RFC 5382, with REQ numbers as in its section 8.
func tcp() Document {
	established := shorter(124*time.Minute, "tcp_established", "tcp_retrans", "tcp_unack")
	transitory := shorter(4*time.Minute, "tcp_syn_sent", "tcp_syn_sent2", "tcp_syn_recv", "tcp_fin_wait", "tcp_close_wait", "tcp_last_ack", "tcp_time_wait")
	return Document{5382, "TCP", []Requirement{
		{"REQ-1", Must, "A source's address and port have one mapping toward all destinations.", mapping("TestMappingsUntilTheyCollide")},
		{"REQ-2", Must, "Every valid sequence of segments comes through, from whichever side a connection that is let in is opened.", []Answer{
			{Verdict: Met, Why: "The kernel follows TCP's states (net/netfilter/nf_conntrack_proto_tcp.c).", Test: "TestTCPSequences"}}},
		{"REQ-2a", Must, "Both ends may open a connection at the same time.", []Answer{{Verdict: Met, Why: "The kernel knows this state, too.", Test: "TestSimultaneousOpen"}}},
		{"REQ-3", Should, "Whoever knows a mapping gets in, or those whose address was called.", oneToOne("map", filters, "TestFiltering")},
		{"REQ-3a", May, "Who gets in may be configured.", []Answer{{Verdict: MetByKey, Key: "map", Why: "By zone: with a map everybody gets in, else those that were called.", Test: "TestMapsAreEndpointIndependent"}}},
		{"REQ-3b", May, "It may be configured apart from UDP.", []Answer{{Verdict: NotMet, Why: "A mapping of the kernel lets in alike whatever its protocol is."}}},
		{"REQ-4", Must, "A SYN that nobody asked for gets no answer for six seconds, or never. If one from inside comes meanwhile, the connection opens.", []Answer{
			{When: "all zones that translate have `map`", Holds: allMapped, Verdict: MetByKey, Key: "map", Why: "It goes to the host inside, which answers for itself.", Test: "TestMapsAreEndpointIndependent"},
			{When: "a zone has `action: masquerade`, or `gateway.addresses` gives laddrs to the host", Holds: zones(answered), Verdict: NotMet,
				Why: "The host has the address, and its kernel answers by a reset at once. A rule of another table at hook input can drop it.", Test: "TestUnsolicitedSYN"},
			{When: "a SYN from outside to a laddr would leave again", Holds: zones(admits), Verdict: NotMet, Key: "unmatched: drop",
				Why: "It is sent back to where it came from, and goes around until its hops are used up.", Test: "TestUnsolicitedSYN"},
			{Verdict: MetByKey, Key: "unmatched: drop", Why: "It is dropped in silence, as the RFC wants where answers are against the policy (REQ-4a).", Test: "TestUnsolicitedSYN"},
		}},
		{"REQ-5", Must, "An idle connection is kept for 2 hours and 4 minutes, one that opens or closes for 4 minutes.", []Answer{
			offloaded,
			{When: "`timeouts` of a state of TCP are shorter", Holds: either(established, transitory), Verdict: NotMet, Key: "timeouts: rfc",
				Why: "The kernel's own are 5 days, but 5 minutes as soon as something is not acknowledged, and 30 s to 2 minutes for what opens or closes."},
			{Verdict: MetByKey, Key: "timeouts", Why: "All timeouts of TCP are long enough, also while something is not acknowledged.", Test: "TestTCPTimeouts"},
		}},
		{"REQ-5a", May, "The times may be configured.", []Answer{{Verdict: MetByKey, Key: "timeouts", Why: "By gateway, zone and service.", Test: "TestTimeouts"}}},
		{"REQ-6", Should, "By default nothing but FTP is read and changed.", []Answer{{Verdict: Met, Why: "Without `helpers` nothing is.", Test: "TestDataStays"}}},
		{"REQ-7", Must, "No external address and port is shared by several sources.", oneToOne("map", overload, "TestMappingsUntilTheyCollide")},
		{"REQ-8", Must, "Neighbours inside reach each other by their outer addresses and ports.", hairpins()},
		{"REQ-8a", Must, "They see each other by these, too.", hairpins()},
		{"REQ-9", Should, "ICMP Destination Unreachable is translated.", []Answer{{Verdict: Met, Why: "All its codes are.", Test: "TestICMPKeepsMappings"}}},
		{"REQ-10", Must, "No ICMP message ends a mapping or connection.", []Answer{{Verdict: Met, Why: "The kernel takes it as one about the connection, and leaves that alone.", Test: "TestICMPKeepsMappings"}}},
	}}
}
