package rfc

import "github.com/snatctl/snatctl/policy"

// blocked tells whether every pool of a zone has blocks.
func blocked(z *policy.Zone) bool {
	return everyPool(z, func(p *policy.Pool) bool { return p.Block > 0 })
}

// unlike holds for the zones that lack something.
func unlike(has func(*policy.Zone) bool) judge {
	return zones(func(_ *policy.Policy, z *policy.Zone) bool { return !has(z) })
}

// quota are the answers to a limit of subscribers.
func quota(key, would string, has func(*policy.Zone) bool, why, test string) []Answer {
	return []Answer{
		{When: "a zone has no " + would, Holds: unlike(has), Verdict: NotMet, Key: key, Why: "A subscriber of such a zone may have as much as there is."},
		{Verdict: MetByKey, Key: key, Why: why, Test: test},
	}
}

// offered are the answers to what can be had, whether a policy uses it or not.
func offered(key, why, test string) []Answer {
	return []Answer{{Verdict: MetByKey, Key: key, Why: why, Test: test}}
}

// cgn is RFC 6888, with REQ numbers as in its section 3.
func cgn() Document {
	perClient := func(z *policy.Zone) bool { return z.Limits.PerClient > 0 }
	ports := func(z *policy.Zone) bool { return blocked(z) || perClient(z) || mapped(z) }
	return Document{6888, "carriers", []Requirement{
		{"REQ-1", Must, "What RFCs ask of a NAT for each protocol is met.", always(NotMet, "RFC 4787, RFC 5382 and RFC 5508 are met in part: see there.", "")},
		{"REQ-2", Must, "A subscriber that has mappings on one address of a pool gets all of them there, by default.", paired()},
		{"REQ-3", Should, "A pool may have any size, and gaps.", always(Met, "Ranges and single addresses make a pool.", "TestPoolSelection")},
		{"REQ-4", Must, "The ports of a subscriber, and the numbers of its queries, are limited.", []Answer{
			{When: "all zones that translate have `map`", Holds: allMapped, Verdict: NoMatter, Why: "A map gives no ports."},
			{When: "a zone has neither `block` nor `limits`", Holds: unlike(ports), Verdict: NotMet, Key: "block", Why: "A subscriber of such a zone may have all ports that there are."},
			{When: "a zone has no `limits`", Holds: zones(func(_ *policy.Policy, z *policy.Zone) bool { return !perClient(z) && !mapped(z) }), Verdict: MetByKey, Key: "block",
				Why: "A block is all that a subscriber gets, of TCP and UDP each. The numbers of queries are bound by `limits` alone.", Test: "TestBlocksAreQuotas"},
			{Verdict: MetByKey, Key: "limits", Why: "Connections of a subscriber are counted, and each has a port or number at most.", Test: "TestQuotasByProtocol"},
		}},
		{"REQ-4a", Should, "The limit can be configured.", offered("block", "By pool; and `limits` by zone.", "TestBlocksAreQuotas")},
		{"REQ-4b", Should, "It can be configured for each protocol.", offered("limits", "By zones with `ports: tcp/*` and the like.", "TestQuotasByProtocol")},
		{"REQ-4c", Should, "A subscriber that makes too many mappings at once is slowed down.", quota("limits", "`limits` with `new_per_client`",
			func(z *policy.Zone) bool { return z.Limits.New.Count > 0 }, "New connections of a subscriber are limited by their rate.", "TestLimits")},
		{"REQ-5", Should, "The memory of a subscriber is limited.", quota("limits", "`limits` with `connections_per_client`", perClient,
			"A connection is what memory is needed for.", "TestQuotasByProtocol")},
		{"REQ-5a", Should, "That limit can be configured.", offered("limits", "By zone.", "TestQuotasByProtocol")},
		{"REQ-5b", Should, "The rate at which memory is taken can be limited.", offered("limits", "By `new_per_client`.", "TestLimits")},
		{"REQ-6", Must, "Translation can be switched off toward addresses and ports.", offered("exclude", "And by a zone with `to`, `ports` and `action: accept`.", "TestTranslationOff")},
		{"REQ-7", Should, "Whoever knows a mapping gets in.", oneToOne("map", filters, "TestFiltering")},
		{"REQ-8", Should, "A port is not given to another within two minutes, unless only those that were called got in by it.", []Answer{
			{When: "all zones that translate have `map`", Holds: allMapped, Verdict: MetByKey, Key: "map", Why: "Addresses are given for ever (REQ-8b).", Test: "TestMapsAreEndpointIndependent"},
			{Verdict: Met, Why: "Only those get in (REQ-8c).", Test: "TestFiltering"},
		}},
		{"REQ-9", Must, "Subscribers can ask for mappings by a protocol, as PCP.", always(NotMet, "No server of PCP is here, and the kernel has none. The policy is the only one who gives mappings.", "")},
		{"REQ-10", Should, "The gateway can be managed.", always(Met, "By files, JSON, metrics and events.", "TestMetrics")},
		{"REQ-10a", Should, "It can be managed by standards, as the MIB of NAT.", always(NotMet, "SNMP is not spoken. What the MIB counts is in metrics and IPFIX.", "")},
		{"REQ-11a", Must, "If no mapping can be made, the packet is dropped.", always(Met, "It never leaves untranslated.", "TestPortsExhausted")},
		{"REQ-11b", Should, "Its sender hears ICMP Host Unreachable.", always(NotMet, "The kernel drops it without a word (net/netfilter/nf_nat_core.c).", "TestBlocksAreQuotas")},
		{"REQ-11c", Should, "The management is told.", always(Met, "By `snatctl_pool_allocation_failures_total`, and by IPFIX.", "TestIPFIXExhausted")},
		{"REQ-11d", Must, "No mapping is deleted to make room.", always(Met, "Those that are there stay.", "TestBlocksAreQuotas")},
		{"REQ-12", Should, "Destinations are not logged.", always(Met, "They are logged with `--destinations` alone.", "TestNATLog")},
		{"REQ-13", Should, "Ports are used as well as can be.", []Answer{
			{When: "a pool has `block`", Holds: pooled(func(p *policy.Pool) bool { return p.Block > 0 }), Verdict: NotMet, Why: "What a subscriber does not use of its block nobody uses.", Test: "TestBlocksAreQuotas"},
			{When: "all zones that translate have `map`", Holds: allMapped, Verdict: NoMatter, Why: "A map gives no ports."},
			{Verdict: Met, Why: "All share all ports, and the same one toward different destinations.", Test: "TestMappingsUntilTheyCollide"},
		}},
		{"REQ-14", Should, "There is little to log.", []Answer{
			{When: "all zones that translate have `map`", Holds: allMapped, Verdict: MetByKey, Key: "map", Why: "Addresses are given for ever.", Test: "TestMapsAreEndpointIndependent"},
			{When: "a zone has no `block`", Holds: zones(func(_ *policy.Policy, z *policy.Zone) bool { return !blocked(z) && !mapped(z) }), Verdict: NotMet, Key: "block", Why: "Each connection is two lines."},
			{Verdict: MetByKey, Key: "block", Why: "Nothing need be logged: `snatctl lookup` reckons who had a port.", Test: "TestBlocks"},
		}},
		{"REQ-15", Should, "Ports are hard to guess.", []Answer{
			{When: "all zones that translate have `map`", Holds: allMapped, Verdict: NoMatter, Why: "A map gives no ports."},
			{When: "a zone's ports are not random", Holds: zones(func(_ *policy.Policy, z *policy.Zone) bool { return !scattered(z) }), Verdict: NotMet, Key: "random: true", Why: "The source's own port is kept, and blocks are known."},
			{Verdict: MetByKey, Key: "random: true", Why: "Each connection has a port at random (RFC 6056).", Test: "TestPoolPorts"},
		}},
	}}
}

// scattered tells whether all pools of a zone give ports at random.
func scattered(z *policy.Zone) bool {
	return everyPool(z, func(p *policy.Pool) bool { return p.Random && p.Block == 0 })
}
