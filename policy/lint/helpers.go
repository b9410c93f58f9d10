package lint

import (
	"github.com/snatctl/snatctl/policy"
)

// automatic is the sysctl by which kernels before 6.0 assign helpers by port (nf_conntrack-sysctl.rst).
const automatic = "net/netfilter/nf_conntrack_helper"

// helperRules are the rules about helpers.
func helperRules() []Rule {
	return []Rule{{
		Code: "X15", Severity: policy.Warning, check: openHelpers,
		Title: "A zone has the kernel read SIP or H.323 toward every destination.",
		Why: "Whoever is at the other end can have ports opened toward the zone's clients. Web pages have made browsers speak SIP and H.323 to an attacker's " +
			"server, and reached any port of the browser's machine that way (NAT slipstreaming). With `to` the zone is for the provider's servers alone.",
	}, {
		Code: "X16", Severity: policy.Warning, Live: true, live: automaticHelpers,
		Needs: Needs{Sysctls: []string{automatic}},
		Title: "The kernel assigns helpers by itself.",
		Why: "With net.netfilter.nf_conntrack_helper=1, kernels before 6.0 read every connection to a helper's port, whatever the policy says. Everybody who can " +
			"be made to call such a port can have others opened.",
	}, {
		Code: "X17", Severity: policy.Info, check: unboundHelpers,
		Title: "A zone with helpers has a pool that binds ports.",
		Why: "The kernel translates the connections that a helper expects to the address of their control connection, with any port. They do not keep to the " +
			"pool's ports or the source's block, so the block does not tell whose they were: the NAT log does.",
	}}
}

func openHelpers(r *run) {
	r.eachZone(func(z *policy.Zone, object string) {
		for i, h := range z.Helpers {
			if len(z.To) == 0 && (h.Helper == policy.SIP || h.Helper == policy.H323) {
				r.find(z.Item("helpers", i), object, "add a zone with `to` for the servers that are spoken with, and the helper there",
					"%s is read toward every destination: whoever clients call, or can be made to call, can have ports opened toward them", h.Helper)
				return
			}
		}
	})
}

func unboundHelpers(r *run) {
	r.eachZone(func(z *policy.Zone, object string) {
		if len(z.Helpers) > 0 && z.Laddrs != nil && (z.Laddrs.Block > 0 || !z.Laddrs.Ports.IsZero()) {
			r.find(z.At("helpers"), object, "give the sources that need it a zone with another pool",
				"connections that its helpers expect do not keep to the ports of the pool")
		}
	})
}

func automaticHelpers(r *run, h Host) {
	if h.Sysctls[automatic] == "1" {
		r.find(r.gatewayAt(""), "conntrack", "sysctl -w net.netfilter.nf_conntrack_helper=0",
			"net.netfilter.nf_conntrack_helper is 1: the kernel reads every connection to a helper's port, whatever the policy says")
	}
}
