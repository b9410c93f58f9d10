package lint

import "fmt"

// crowded finds a conntrack table with little room, and one whose chains are long: a kernel
// gives max and buckets the same size, or four flows a bucket before Linux 5.15
// (nf_conntrack-sysctl.rst).
func crowded(r *run, h Host) {
	c := h.Conntrack
	if c.Max == 0 {
		return
	}
	if int64(c.Count)*4 > int64(c.Max)*3 {
		r.find(r.gatewayAt(""), "conntrack", fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_max=%d, and the same for nf_conntrack_buckets", 2*c.Max),
			"%d of %d flows are in use (%d %%): when the table is full, new connections are dropped", c.Count, c.Max, percent(c.Count, c.Max))
	}
	if c.Buckets > 0 && c.Buckets < c.Max/4 {
		r.find(r.gatewayAt(""), "conntrack", fmt.Sprintf("sysctl -w net.netfilter.nf_conntrack_buckets=%d", c.Max),
			"%d buckets for %d flows: every packet searches chains of %d flows when the table fills", c.Buckets, c.Max, (c.Max+c.Buckets-1)/c.Buckets)
	}
}

func percent(part, whole int) int { return int(int64(part) * 100 / int64(whole)) }

// unaccounted finds what reports need and the kernel does not keep. A value of 2 for events
// tells of no end of a flow that is older than its first listener.
func unaccounted(r *run, h Host) {
	lack := []string{"reports lack bytes and packets", "reports lack the times of flows", "ends of flows that are older than the listener go unseen"}
	for i, key := range AccountingKeys() {
		value, known := h.Sysctls[key]
		if !known || value == "1" {
			continue
		}
		hint := "snatctl apply sets it; sysctl -w " + dotted(key) + "=1 does so now"
		if !r.Gateway.Sysctls {
			hint = "sysctl -w " + dotted(key) + "=1, or take `sysctls: false` out: then apply sets it"
		}
		r.find(r.gatewayAt("sysctls"), "conntrack", hint, "%s is %s: %s", dotted(key), value, lack[i])
	}
}
