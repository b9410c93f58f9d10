package lint

import "github.com/snatctl/snatctl/policy"

// hostRules are the rules that hold a policy against a machine.
func hostRules() []Rule {
	return []Rule{
		{Code: "Z11", Severity: policy.Warning, Live: true, Title: "An interface of the policy does not exist on this host."},
		{Code: "Z12", Severity: policy.Warning, Live: true, Title: "No inside interface has a route to a zone's sources."},
		{Code: "P03", Severity: policy.Warning, Live: true, Title: "A laddr is neither on this host nor routed to it."},
		{Code: "P09", Severity: policy.Warning, Live: true, Title: "A pool's ports meet those that the host itself uses on the same address."},
		{Code: "H01", Severity: policy.Warning, Live: true, Title: "Another NAT chain may take these packets first."},
		{Code: "H02", Severity: policy.Warning, Live: true, Title: "Something on this host flushes rulesets."},
		{Code: "H03", Severity: policy.Error, Live: true, Title: "The kernel lacks what the policy needs."},
		{Code: "H04", Severity: policy.Error, Live: true, Title: "Forwarding is off for a family that the policy uses, and the gateway does not switch it on."},
		{Code: "H05", Severity: policy.Warning, Live: true, Title: "Strict reverse path filtering drops packets of an asymmetric path."},
		{Code: "C01", Severity: policy.Warning, Live: true, Title: "The conntrack table is nearly full, or has too few buckets."},
		{Code: "C02", Severity: policy.Warning, Live: true, Title: "Conntrack forgets flows sooner than the RFCs ask for."},
		{Code: "C03", Severity: policy.Warning, Live: true, Title: "Conntrack keeps no bytes, times or events, which reports need."},
	}
}
