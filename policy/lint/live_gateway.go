package lint

import "github.com/snatctl/snatctl/policy"

// gatewayRules are about what else the host does with packets.
func gatewayRules() []Rule {
	return []Rule{{
		Code: "H01", Severity: policy.Warning, Live: true, live: rivals,
		Needs: Needs{Facts: Chains},
		Title: "Another NAT chain may take these packets first.",
		Why: "The kernel asks NAT chains of all tables, in the order of their priorities, and the first that translates a connection decides. " +
			"Docker, libvirt and kube-proxy have such chains at the same hooks. Chains without rules do not matter; that one with rules takes " +
			"a packet of the policy's is not certain, so look at its conditions.",
	}, {
		Code: "H02", Severity: policy.Warning, Live: true, live: flushers,
		Needs: Needs{Facts: Units},
		Title: "Something on this host flushes rulesets.",
		Why: "`flush ruleset` removes the tables of all programs. nftables.service begins its script with it and runs it when it stops; " +
			"firewalld may with FlushAllOnReload. Flows in progress lose their translation, and new ones leave untranslated, until the next apply.",
	}, {
		Code: "H03", Severity: policy.Error, Live: true, live: lacking,
		Needs: Needs{Facts: Lacks},
		Title: "The kernel lacks what the policy needs.",
		Why: "The table is sent to the kernel with few elements, in a transaction that is never finished, as `nft -c` does. What the kernel " +
			"refuses then it would refuse in an apply, too.",
	}, {
		Code: "H04", Severity: policy.Error, Live: true, live: forwardingOff,
		Needs: Needs{Sysctls: forwardingKeys()}, about: leavesForwarding,
		Title: "Forwarding is off for a family that the policy uses, and the gateway does not switch it on.",
		Why:   "Without net.ipv4.ip_forward, or net.ipv6.conf.all.forwarding, the kernel drops what is not for the host itself, before any zone sees it.",
	}, {
		Code: "H05", Severity: policy.Warning, Live: true, live: strictPaths,
		Needs: Needs{Interfaces | Routes, []string{"net/ipv4/conf/*/rp_filter"}}, about: namesInterfaces,
		Title: "Strict reverse path filtering drops packets of an asymmetric path.",
		Why: "rp_filter=1 drops what comes in by another interface than its answer would leave by (RFC 3704). With two uplinks and one default " +
			"route that is what the internet sends to the other uplink's addresses: calls of services there get no answer, and nothing is logged. " +
			"The greater of the values of `all` and of the interface holds. Loose filtering (2) only asks for some route.",
	}, {
		Code: "H06", Severity: policy.Warning, Live: true, live: closed,
		Needs: Needs{Facts: Chains},
		Title: "A chain of another table drops what is forwarded.",
		Why: "A packet passes only if every chain at forward lets it pass. Docker, ufw and firewalld leave chains that drop by policy, or by a last " +
			"rule without a condition: then nothing gets through the gateway, and no counter of the policy says why. Rules before the end may let some " +
			"connections pass; whether these are the policy's is not certain, so look at their conditions. Rules for established " +
			"connections alone let no new one pass. Chains of family bridge see no routed packets.",
	}}
}

// conntrackRules are about the kernel's flow table.
func conntrackRules() []Rule {
	return []Rule{{
		Code: "C01", Severity: policy.Warning, Live: true, live: crowded,
		Needs: Needs{Sysctls: conntrackSizes},
		Title: "The conntrack table is nearly full, or has too few buckets.",
		Why: "Every translated connection is a flow. When nf_conntrack_max is reached, the kernel drops the first packets of new ones and says so in " +
			"its log alone. With less than one bucket for four flows, every packet searches long chains.",
	}, {
		Code: "C02", Severity: policy.Warning, Live: true, live: shortTimeouts,
		Needs: Needs{Sysctls: timeoutKeys()},
		Title: "Conntrack forgets flows sooner than the RFCs ask for.",
		Why: "The kernel's defaults are for a host, not for a NAT: UDP 30 s where RFC 4787 asks for 120 s, ICMP 30 s where RFC 5508 asks for 60 s, and " +
			"most states of a TCP connection that opens or closes less than the 240 s of RFC 5382. A client that pauses for longer is unreachable " +
			"for its peer, or comes back under another port. Longer timeouts keep more flows: size nf_conntrack_max by them.",
	}, {
		Code: "C03", Severity: policy.Warning, Live: true, live: unaccounted,
		Needs: Needs{Sysctls: AccountingKeys()},
		Title: "Conntrack keeps no bytes, times or events, which reports need.",
		Why: "nf_conntrack_acct counts bytes and packets of flows, nf_conntrack_timestamp keeps when they began, and nf_conntrack_events=1 tells " +
			"listeners of their ends; with the default of 2, flows that are older than the first listener end unseen. Each holds for flows " +
			"that begin after it is set. Apply sets them unless `sysctls: false` stands under gateway.",
	}}
}
