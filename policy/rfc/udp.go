package rfc

import (
	"slices"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// What several RFCs ask for alike.
const (
	collide = "A source has one laddr and port toward all destinations until another source holds both toward one of them; toward this one the kernel " +
		"then chooses another port, since it looks for what is free together with the destination (net/netfilter/nf_nat_core.c)."
	overload = "The kernel gives one laddr and port to several sources, as long as their destinations differ (net/netfilter/nf_nat_core.c)."
	filters  = "A mapping of the kernel is a connection: only the address and port that were called get an answer in, which is stricter than both."
	inward   = "A mapping is a connection to one destination: a packet from inside to the laddr and port of a neighbour belongs to none."
	inner    = "Addresses of a map lead to the neighbour, but the caller is seen with its inner address, so the answer comes back only where it passes the gateway."
	fixed    = "Addresses are mapped one to one, and ports stay."
)

// oneToOne are the answers to what maps alone can do.
func oneToOne(key, why, test string) []Answer {
	return []Answer{
		{When: "all zones that translate have `map`", Holds: allMapped, Verdict: MetByKey, Key: "map", Why: fixed, Test: "TestMapsAreEndpointIndependent"},
		{Verdict: NotMet, Key: key, Why: why, Test: test},
	}
}

// mapping are the answers to endpoint-independent mapping.
func mapping(test string) []Answer {
	a := oneToOne("map", collide, test)
	return slices.Insert(a, 1, Answer{When: "a pool has `random`", Holds: pooled(func(p *policy.Pool) bool { return p.Random }), Verdict: NotMet, Key: "map",
		Why: "With random ports every connection of a source gets another port (RFC 6056)."})
}

// hairpins are the answers to hairpinning.
func hairpins() []Answer {
	return []Answer{
		{When: "all zones that translate have `map`", Holds: allMapped, Verdict: NotMet, Why: inner, Test: "TestMapHairpin"},
		{Verdict: NotMet, Why: inward, Test: "TestNoHairpin"},
	}
}

// offloaded is an answer to timeouts.
var offloaded = Answer{When: "`gateway.offload` is on", Holds: func(p *policy.Policy) (bool, []string) { return p.Gateway.Offload != policy.OffloadOff, nil }, Verdict: NotMet, Key: "offload: off",
	Why: "A flow that was on the flowtable has what is left of the machine's timeouts (net/netfilter/nf_flow_table_core.c)."}

// readBy makes a judge of which zones have helpers for a protocol.
func readBy(proto inet.Proto, but ...policy.Helper) judge {
	return zones(func(_ *policy.Policy, z *policy.Zone) bool {
		return slices.ContainsFunc(z.Controls(), func(c policy.Control) bool { return c.Proto == proto && !slices.Contains(but, c.Helper) })
	})
}

// paired are the answers to address pooling.
func paired() []Answer {
	return []Answer{
		{When: "a zone has another `select`", Holds: zones(func(_ *policy.Policy, z *policy.Zone) bool {
			return z.Select != policy.SelectSource && len(z.Pools()) > 0 && !mapped(z)
		}), Verdict: NotMet, Key: "select: source", Why: "The zone asks for another choice of laddrs than by the source."},
		{Verdict: Met, Why: "`select: source` is the default: a source has one laddr while the pool stands.", Test: "TestPoolSelection"},
	}
}

// udp is RFC 4787, with REQ numbers as in its section 12.
func udp() Document {
	const least, usual = 2 * time.Minute, 5 * time.Minute
	timers := []string{"udp", "udp_stream"}
	return Document{4787, "UDP", []Requirement{
		{"REQ-1", Must, "A source's address and port have one mapping toward all destinations.", mapping("TestMappingsUntilTheyCollide")},
		{"REQ-2", Should, "A source that has mappings on one address of a pool gets all of them there.", paired()},
		{"REQ-3", Must, "No external address and port is shared by several sources.", oneToOne("map", overload, "TestMappingsUntilTheyCollide")},
		{"REQ-3a", Should, "A port below 1024 becomes one below 1024, any other one from 1024 on.", []Answer{
			{When: "a pool has `ports` or `block`", Holds: pooled(func(p *policy.Pool) bool { return !p.Ports.IsZero() || p.Block > 0 }), Verdict: NotMet,
				Why: "All ports come from those of the pool, whatever the source's is.", Test: "TestPoolPorts"},
			{Verdict: Met, Why: "The kernel looks for a port in the class of the source's (net/netfilter/nf_nat_core.c).", Test: "TestPortsKeepTheirClass"},
		}},
		{"REQ-4", Should, "An even port stays even, an odd one odd.", oneToOne("map", "A port stays the same while it is free. The kernel does not look at parity when it must choose another.", "TestPortsKeepTheirClass")},
		{"REQ-5", Must, "A mapping lives for two minutes at least.", []Answer{
			offloaded,
			{When: "`timeouts` of `udp` or `udp_stream` are shorter", Holds: shorter(least, timers...), Verdict: NotMet, Key: "timeouts: rfc",
				Why: "The kernel's own timeouts are 30 s before an answer and 120 s behind it."},
			{Verdict: MetByKey, Key: "timeouts", Why: "All timeouts of UDP are long enough.", Test: "TestTimeouts"},
		}},
		{"REQ-5a", May, "Mappings toward well-known ports may live shorter.", []Answer{
			{Verdict: MetByKey, Key: "timeouts", Why: "A zone with `ports` may have `timeouts` of its own.", Test: "TestTimeouts"}}},
		{"REQ-5b", May, "The time may be configured.", []Answer{{Verdict: MetByKey, Key: "timeouts", Why: "By gateway, zone and service.", Test: "TestTimeouts"}}},
		{"REQ-5c", Should, "A mapping lives for five minutes unless configured.", []Answer{
			offloaded,
			{When: "`timeouts` of `udp` or `udp_stream` are shorter", Holds: shorter(usual, timers...), Verdict: NotMet, Key: "timeouts: rfc", Why: "What a policy does not say is the kernel's."},
			{Verdict: MetByKey, Key: "timeouts", Why: "All timeouts of UDP are long enough.", Test: "TestTimeouts"},
		}},
		{"REQ-6", Must, "Packets from inside prolong a mapping.", []Answer{{Verdict: Met, Why: "Every packet of a connection does.", Test: "TestRefresh"}}},
		{"REQ-6a", May, "Packets from outside may prolong it.", []Answer{{Verdict: Met, Why: "Every packet of a connection does.", Test: "TestRefresh"}}},
		{"REQ-7", Must, "If the outer address is given dynamically, inside and outside may use the same network, or never do.", []Answer{
			{When: "a zone has `action: masquerade`", Holds: zones(func(_ *policy.Policy, z *policy.Zone) bool { return z.Action == policy.Masquerade }), Verdict: NotMet,
				Why: "The kernel has one routing table for both sides, and who gives the host its addresses is not asked what lies inside."},
			{Verdict: NoMatter, Why: "The laddrs are written in the policy."},
		}},
		{"REQ-8", Should, "Whoever knows a mapping gets in, or those whose address was called.", oneToOne("map", filters, "TestFiltering")},
		{"REQ-8a", May, "Who gets in may be configured.", []Answer{{Verdict: MetByKey, Key: "map", Why: "By zone: with a map everybody gets in, else those that were called.", Test: "TestMapsAreEndpointIndependent"}}},
		{"REQ-9", Must, "Neighbours inside reach each other by their outer addresses and ports.", hairpins()},
		{"REQ-9a", Must, "They see each other by these, too.", hairpins()},
		{"REQ-10", Should, "Nothing reads and changes what UDP carries.", []Answer{
			{When: "a zone has `helpers` of UDP", Holds: readBy(inet.UDP), Verdict: NotMet, Why: "The zone asks for it.", Test: "TestHelpersSIP"},
			{Verdict: Met, Why: "Without `helpers` nothing is read.", Test: "TestDataStays"},
		}},
		{"REQ-10a", Should, "Each protocol that is read can be switched on and off alone.", []Answer{{Verdict: MetByKey, Key: "helpers", Why: "By zone and service, and by protocol.", Test: "TestHelpersSIP"}}},
		{"REQ-11", Must, "Mapping and filtering are the same at any time, whatever happens.", oneToOne("map", collide, "TestMappingsUntilTheyCollide")},
		{"REQ-12", Must, "No ICMP message ends a mapping.", []Answer{{Verdict: Met, Why: "The kernel takes it as one about the connection, and leaves that alone.", Test: "TestICMPKeepsMappings"}}},
		{"REQ-12a", Should, "ICMP messages come through whatever their source.", []Answer{{Verdict: Met, Why: "What counts is the packet that a message quotes.", Test: "TestICMPKeepsMappings"}}},
		{"REQ-12b", Should, "ICMP Destination Unreachable is translated.", []Answer{{Verdict: Met, Why: "All its codes are.", Test: "TestICMPKeepsMappings"}}},
		{"REQ-13", Must, "A packet that is too large and has DF is answered by Fragmentation Needed.", []Answer{{Verdict: Met, Why: "The kernel does, and routers behind it are understood.", Test: "TestTooLarge"}}},
		{"REQ-13a", Must, "One without DF is fragmented, in order.", []Answer{{Verdict: Met, Why: "The kernel does.", Test: "TestTooLarge"}}},
		{"REQ-14", Must, "Fragments are taken in any order.", []Answer{{Verdict: Met, Why: "Conntrack puts packets together before it looks at them (net/ipv4/netfilter/nf_defrag_ipv4.c).", Test: "TestFragmentsInAnyOrder"}}},
		{"REQ-14a", Must, "A flood of fragments holds up neither whole packets nor fragments in order.", []Answer{{Verdict: NotMet,
			Why:  "Whole packets pass. Fragments in order need the same memory (net.ipv4.ipfrag_high_thresh, 4 MiB), and wait for up to 30 s until some is free.",
			Test: "TestFragmentFlood"}}},
	}}
}
