package lint

import "github.com/snatctl/snatctl/policy"

// gatewayRules are about what else the host does with packets.
func gatewayRules() []Rule {
	return []Rule{{
		Code: "H01", Severity: policy.Warning, Live: true, live: rivals,
		Needs: Needs{Facts: Chains},
		Title: "Another NAT chain may translate these packets first.",
		Why: "The kernel calls the NAT chains of all tables in the order of their priorities, and the first that translates a connection " +
			"decides. Docker, libvirt and kube-proxy have such chains at the same hooks. Chains without rules are not reported. A chain with " +
			"rules may or may not translate the policy's packets, so look at its conditions.",
	}, {
		Code: "H02", Severity: policy.Warning, Live: true, live: flushers,
		Needs: Needs{Facts: Units},
		Title: "Something on this host flushes the ruleset.",
		Why: "`flush ruleset` removes the tables of all programs. nftables.service begins its script with it, and runs it when it stops; " +
			"firewalld may do so with FlushAllOnReload. Flows in progress lose their translation, and new ones leave untranslated until the " +
			"next apply.",
	}, {
		Code: "H03", Severity: policy.Error, Live: true, live: lacking,
		Needs: Needs{Facts: Lacks},
		Title: "The kernel lacks what the policy needs.",
		Why: "lint sends the table to the kernel with only a few elements, in a transaction that is never committed, as `nft -c` does. What the " +
			"kernel refuses here, it would also refuse in an apply.",
	}, {
		Code: "H04", Severity: policy.Error, Live: true, live: forwardingOff,
		Needs: Needs{Sysctls: forwardingKeys()}, about: leavesForwarding,
		Title: "Forwarding is off for a family that the policy uses, and apply does not switch it on.",
		Why: "Without net.ipv4.ip_forward or net.ipv6.conf.all.forwarding, the kernel drops packets that are not for the host itself, before any " +
			"zone sees them.",
	}, {
		Code: "H05", Severity: policy.Warning, Live: true, live: strictPaths,
		Needs: Needs{Interfaces | Routes, []string{"net/ipv4/conf/*/rp_filter"}}, about: namesInterfaces,
		Title: "Strict reverse path filtering drops packets that come and go by different ways.",
		Why: "With rp_filter=1 the kernel drops a packet if its answer would leave by another interface than the one it came in by (RFC 3704). " +
			"With two uplinks and one default route, these are the packets from the internet to addresses of the other uplink: calls to " +
			"services there get no answer, and nothing is logged. The greater of the values for `all` and for the interface is used. Loose " +
			"filtering (2) only requires that there is some route.",
	}, {
		Code: "H06", Severity: policy.Warning, Live: true, live: closed,
		Needs: Needs{Facts: Chains},
		Title: "A chain of another table drops what is forwarded.",
		Why: "A packet passes only if every chain at forward lets it pass. Docker, ufw and firewalld leave chains that drop by policy, or by a last " +
			"rule without a condition: then nothing gets through the gateway, and no counter of the policy says why. Rules before the end may let some " +
			"connections pass; whether these are the policy's is not certain, so look at their conditions. Rules for established " +
			"connections alone let no new one pass. The tables of iptables-legacy, which nft does not list, count like all others. Chains of family bridge see no routed packets.",
	}, strayRule(), siblingRule()}
}

// conntrackRules are about the kernel's flow table.
func conntrackRules() []Rule {
	return []Rule{{
		Code: "C01", Severity: policy.Warning, Live: true, live: crowded,
		Needs: Needs{Sysctls: conntrackSizes},
		Title: "The conntrack table is nearly full, or has too few buckets.",
		Why: "Every translated connection is a flow. When nf_conntrack_max is reached, the kernel drops the first packets of new flows and says " +
			"so only in its log. With fewer than one bucket for four flows, every packet searches long chains.",
	}, {
		Code: "C02", Severity: policy.Warning, Live: true, live: shortTimeouts,
		Needs: Needs{Sysctls: timeoutKeys()},
		Title: "Conntrack forgets flows sooner than the RFCs require.",
		Why: "The kernel's defaults are meant for a host, not for a NAT: 30 s for UDP, where RFC 4787 requires 120 s; 30 s for ICMP, where RFC " +
			"5508 requires 60 s; and less than the 240 s of RFC 5382 for most states of a TCP connection that opens or closes. If a client " +
			"pauses for longer, its peer cannot reach it any more, or it comes back with another port. Longer timeouts mean more flows: raise " +
			"nf_conntrack_max to match.",
	}, {
		Code: "C03", Severity: policy.Warning, Live: true, live: unaccounted,
		Needs: Needs{Sysctls: AccountingKeys()},
		Title: "Conntrack does not keep bytes, times or events, which reports need.",
		Why: "nf_conntrack_acct counts the bytes and packets of flows, nf_conntrack_timestamp keeps the time when they began, and " +
			"nf_conntrack_events=1 reports their ends to listeners. With its default of 2, the ends of flows that are older than the first " +
			"listener are not reported. Each setting applies to flows that begin after it is set. apply sets all three, unless the gateway has " +
			"`sysctls: false`.",
	}}
}
