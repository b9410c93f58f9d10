package rfc

import (
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// noQueries holds for zones that are not for ICMP at all.
func noQueries(_ *policy.Policy, z *policy.Zone) bool {
	return len(z.Ports) > 0 && !slices.ContainsFunc(z.Ports, func(p inet.ProtoPorts) bool { return p.Proto == inet.ICMP || p.Proto == inet.ICMPv6 })
}

// shortQueries holds where the gateway forgets ICMP queries before a time is over.
func shortQueries(least time.Duration) judge {
	return func(p *policy.Policy) (bool, []string) {
		var t policy.Timeouts
		if p.Gateway.Timeouts != nil {
			t = *p.Gateway.Timeouts
		}
		return leastOf(t, []string{"icmp", "icmpv6"}) < least, nil
	}
}

// invalidPasses holds where packets of no connection may leave.
func invalidPasses(p *policy.Policy) (bool, []string) { return p.Gateway.Invalid != policy.Drop, nil }

// silent are the answers to what belongs to no connection.
func silent(test string) []Answer {
	return []Answer{
		{When: "`gateway.invalid` is `accept`", Holds: invalidPasses, Verdict: NotMet, Key: "invalid: drop", Why: "It leaves again, to wherever its address leads."},
		{Verdict: Met, Why: "`invalid: drop` is the default.", Test: test},
	}
}

// always is one answer for all policies.
func always(v Verdict, why, test string) []Answer {
	return []Answer{{Verdict: v, Why: why, Test: test}}
}

// icmp is RFC 5508, with REQ numbers as in its section 9.
func icmp() Document {
	const about = "The kernel finds the connection by what an error quotes, and translates both (net/netfilter/nf_nat_proto.c)."
	return Document{5508, "ICMP", []Requirement{
		{"REQ-1", Must, "Queries from inside come through, and so do their answers.", []Answer{
			{When: "a zone has `ports` without ICMP", Holds: zones(noQueries), Verdict: NoMatter, Why: "The policy excludes them there."},
			{Verdict: Met, Why: "Zones translate them by their numbers.", Test: "TestPing"},
		}},
		{"REQ-1a", Should, "The number of a query has one mapping toward all hosts.", oneToOne("map",
			"A number stays until another source has the same one toward the same host; there the kernel chooses another.", "TestQueryNumbers")},
		{"REQ-2", Must, "A query is remembered for 60 seconds.", []Answer{
			{When: "`timeouts` of `icmp` or `icmpv6` are shorter", Holds: shortQueries(time.Minute), Verdict: NotMet, Key: "timeouts: rfc", Why: "The kernel's own are 30 s."},
			{Verdict: MetByKey, Key: "timeouts", Why: "Those of ICMP are long enough.", Test: "TestTimeouts"},
		}},
		{"REQ-2a", Should, "The time can be configured.", []Answer{{Verdict: MetByKey, Key: "timeouts", Why: "By `icmp` and `icmpv6` of the gateway.", Test: "TestTimeouts"}}},
		{"REQ-3", Should, "An error whose checksum is wrong is dropped in silence.", silent("TestICMPErrorForms")},
		{"REQ-3a", Should, "So is one that quotes an IP header whose checksum is wrong.", always(NotMet, "The kernel does not look at the quoted IP checksum.", "TestICMPErrorForms")},
		{"REQ-3b", Must, "Options in the quoted IP header are passed over.", always(Met, "The kernel knows how long the header is.", "TestICMPErrorForms")},
		{"REQ-3c", Should, "The quoted transport checksum is not looked at.", always(Met, "It is not.", "TestICMPErrorForms")},
		{"REQ-3d", Must, "Extensions of the error are no part of what is quoted.", always(Met, "Nothing is reckoned over them, and they stay as they are.", "TestICMPErrorForms")},
		{"REQ-4", Should, "An error from outside about no mapping is dropped in silence.", silent("TestICMPErrorsFromBothSides")},
		{"REQ-4a", Must, "One about a mapping quotes the packet as the host inside sent it.", always(Met, about, "TestICMPKeepsMappings")},
		{"REQ-4b", Must, "Type and code stay.", always(Met, about, "TestICMPKeepsMappings")},
		{"REQ-4c", Must, "It goes to the host that sent the packet.", always(Met, about, "TestICMPKeepsMappings")},
		{"REQ-5", Should, "An error from inside about no mapping is dropped in silence.", silent("TestICMPErrorsFromBothSides")},
		{"REQ-5a", Must, "One about a mapping quotes the packet as the outside sent it.", always(Met, about, "TestICMPErrorsFromBothSides")},
		{"REQ-5b", Must, "Type and code stay.", always(Met, about, "TestICMPErrorsFromBothSides")},
		{"REQ-5c", Must, "It comes from an outer address: of the sender's own map, else of the NAT.", []Answer{
			{When: "a zone has `map`", Holds: zones(func(_ *policy.Policy, z *policy.Zone) bool { return mapped(z) }), Verdict: NotMet,
				Why: "Who sends an error about a neighbour's connection is seen by the neighbour's outer address, not by its own.", Test: "TestMapErrors"},
			{Verdict: Met, Why: "It has the laddr of the mapping that it is about, whoever sends it.", Test: "TestICMPErrorsFromBothSides"},
		}},
		{"REQ-6", Must, "An error about a query neither prolongs nor ends its mapping.", always(Met, "The kernel leaves the connection alone.", "TestICMPKeepsMappings")},
		{"REQ-7", Must, "Queries and errors reach neighbours by their outer addresses.", hairpins()},
		{"REQ-7a", Must, "Such an error goes to the source of the packet that it quotes.", hairpins()},
		{"REQ-8", Should, "If no mapping can be made, the sender hears ICMP Communication Prohibited (3/13).", always(NotMet,
			"The kernel drops the packet without a word (net/netfilter/nf_nat_core.c). `action: reject` of a zone's `limits` answers, by a reset or ICMP 3/3.", "TestPortsExhausted")},
		{"REQ-9", May, "ICMP errors toward some interfaces may be switched off.", always(NotMet, "There is no key for it. A rule of another table at hook output can do it.", "")},
		{"REQ-10a", Must, "The gateway sends Destination Unreachable and Time Exceeded, and answers echoes.", always(Met, "The kernel does.", "TestOwnICMP")},
		{"REQ-10b", May, "Redirects, timestamps, address masks and Parameter Problem may be supported.", always(Met,
			"All but redirects come through: those would be about addresses of the other side.", "TestOtherICMP")},
		{"REQ-10c", Should, "Source Quench is not supported.", always(NotMet, "The kernel sends none, but translates those of others like any error.", "TestICMPKeepsMappings")},
		{"REQ-10d", Should, "Errors have the precedence of network control.", always(Met, "The kernel sends them with precedence 6 (net/ipv4/icmp.c).", "TestOwnICMP")},
		{"REQ-10e", Should, "No error is sent about an error, a broadcast or a later fragment.", always(Met, "The kernel sends none (RFC 1812, 4.3.2.7).", "TestOwnICMP")},
		{"REQ-10f", Should, "Errors are sent at a limited rate.", always(Met, "net.ipv4.icmp_ratelimit: one a second to each host, six at once.", "TestOwnICMP")},
		{"REQ-11", May, "ICMP that is neither query nor error may be dropped.", []Answer{
			{When: "`gateway.invalid` is `accept`", Holds: invalidPasses, Verdict: NotMet, Key: "invalid: drop", Why: "It leaves again, to wherever its address leads."},
			{Verdict: Met, Why: "It belongs to no connection, so it leaves by no uplink.", Test: "TestOtherICMP"},
		}},
	}}
}
