package lint

import "github.com/snatctl/snatctl/policy"

// masquerading is a policy without a fault, for rules about the host alone.
const masquerading = `version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade, exclude: 10.0.0.0/8}
`

// gatewayRules are about what else the host does with packets.
func gatewayRules() []Rule {
	return []Rule{{
		Code: "H01", Severity: policy.Warning, Live: true, live: rivals,
		Title: "Another NAT chain may take these packets first.",
		Why: "The kernel asks NAT chains of all tables, in the order of their priorities, and the first that translates a connection decides. " +
			"Docker, libvirt and kube-proxy have such chains at the same hooks. Chains without rules do not matter; that one with rules takes " +
			"a packet of the policy's is not certain, so look at its conditions.",
		Bad:  "\n# on a host where Docker masquerades in table ip nat, chain POSTROUTING (priority 100)\n" + masquerading,
		Good: "\n# on a host without other NAT chains\n" + masquerading,
	}, {
		Code: "H02", Severity: policy.Warning, Live: true, live: flushers,
		Title: "Something on this host flushes rulesets.",
		Why: "`flush ruleset` removes the tables of all programs. nftables.service begins its script with it and runs it when it stops; " +
			"firewalld may with FlushAllOnReload. Flows in progress lose their translation, and new ones leave untranslated, until the next apply.",
		Bad:  "\n# on a host where nftables.service is enabled\n" + masquerading,
		Good: "\n# on a host where nftables.service is disabled\n" + masquerading,
	}, {
		Code: "H03", Severity: policy.Error, Live: true, live: lacking,
		Title: "The kernel lacks what the policy needs.",
		Why: "The table is sent to the kernel with few elements, in a transaction that is never finished, as `nft -c` does. What the kernel " +
			"refuses then it would refuse in an apply, too.",
		Bad:  "\n# on a host whose kernel has no masquerade for tables of family inet (before 5.2)\n" + masquerading,
		Good: "\n# on a host whose kernel has it\n" + masquerading,
	}, {
		Code: "H04", Severity: policy.Error, Live: true, live: forwardingOff,
		Title: "Forwarding is off for a family that the policy uses, and the gateway does not switch it on.",
		Why:   "Without net.ipv4.ip_forward, or net.ipv6.conf.all.forwarding, the kernel drops what is not for the host itself, before any zone sees it.",
		Bad: `
# on a host where net.ipv4.ip_forward is 0
version: 1
gateway: {uplinks: [wan0], forwarding: false}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade, exclude: 10.0.0.0/8}
`,
		Good: `
# on a host where net.ipv4.ip_forward is 0: apply switches it on
version: 1
gateway: {uplinks: [wan0]}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade, exclude: 10.0.0.0/8}
`,
	}, {
		Code: "H05", Severity: policy.Warning, Live: true, live: strictPaths,
		Title: "Strict reverse path filtering drops packets of an asymmetric path.",
		Why: "rp_filter=1 drops what comes in by another interface than its answer would leave by (RFC 3704). With two uplinks and one default " +
			"route that is what the internet sends to the other uplink's addresses: calls of services there get no answer, and nothing is logged. " +
			"The greater of the values of `all` and of the interface holds. Loose filtering (2) only asks for some route.",
		Bad: `
# on a host with a default route by wan0, none by wan1, and rp_filter=1 on wan1
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade, exclude: 10.0.0.0/8}
`,
		Good: `
# on a host with a default route by wan0, none by wan1, and rp_filter=2 on wan1
version: 1
gateway: {uplinks: [wan0, wan1]}
zones:
  - {name: office, from: 10.1.0.0/16, action: masquerade, exclude: 10.0.0.0/8}
`,
	}, {
		Code: "H06", Severity: policy.Warning, Live: true, live: closed,
		Title: "A chain of another table drops what is forwarded.",
		Why: "A packet passes only if every chain at forward lets it pass. Docker, ufw and firewalld leave chains that drop by policy, or by a last " +
			"rule without a condition: then nothing gets through the gateway, and no counter of the policy says why. Rules before the end may let some " +
			"connections pass; whether these are the policy's is not certain, so look at their conditions. Rules for established " +
			"connections alone let no new one pass. Chains of family bridge see no routed packets.",
		Bad:  "\n# on a host with a table ip filter whose chain FORWARD has policy drop\n" + masquerading,
		Good: "\n# on a host where chain FORWARD has policy accept\n" + masquerading,
	}}
}

// conntrackRules are about the kernel's flow table.
func conntrackRules() []Rule {
	return []Rule{{
		Code: "C01", Severity: policy.Warning, Live: true, live: crowded,
		Title: "The conntrack table is nearly full, or has too few buckets.",
		Why: "Every translated connection is a flow. When nf_conntrack_max is reached, the kernel drops the first packets of new ones and says so in " +
			"its log alone. With less than one bucket for four flows, every packet searches long chains.",
		Bad:  "\n# on a host with 60,000 flows and nf_conntrack_max=65536\n" + masquerading,
		Good: "\n# on a host with 60,000 flows and nf_conntrack_max=262144\n" + masquerading,
	}, {
		Code: "C02", Severity: policy.Warning, Live: true, live: shortTimeouts,
		Title: "Conntrack forgets flows sooner than the RFCs ask for.",
		Why: "The kernel's defaults are for a host, not for a NAT: UDP 30 s where RFC 4787 asks for 120 s, ICMP 30 s where RFC 5508 asks for 60 s, and " +
			"most states of a TCP connection that opens or closes less than the 240 s of RFC 5382. A client that pauses for longer is unreachable " +
			"for its peer, or comes back under another port. Longer timeouts keep more flows: size nf_conntrack_max by them.",
		Bad:  "\n# on a host with nf_conntrack_udp_timeout=30\n" + masquerading,
		Good: "\n# on a host with nf_conntrack_udp_timeout=120\n" + masquerading,
	}, {
		Code: "C03", Severity: policy.Warning, Live: true, live: unaccounted,
		Title: "Conntrack keeps no bytes, times or events, which reports need.",
		Why: "nf_conntrack_acct counts bytes and packets of flows, nf_conntrack_timestamp keeps when they began, and nf_conntrack_events=1 tells " +
			"listeners of their ends; with the default of 2, flows that are older than the first listener end unseen. Each holds for flows " +
			"that begin after it is set. Apply sets them unless `sysctls: false` stands under gateway.",
		Bad:  "\n# on a host with nf_conntrack_acct=0\n" + masquerading,
		Good: "\n# on a host with nf_conntrack_acct, nf_conntrack_timestamp and nf_conntrack_events of 1\n" + masquerading,
	}}
}
