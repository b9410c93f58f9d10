package lint

import (
	"fmt"
	"strconv"
	"strings"
)

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

// atLeast is a timeout and the least seconds that an RFC asks for.
type atLeast struct {
	key  string // below net/netfilter
	secs int
	rfc  string
}

// timeouts are those that the RFCs about NAT know. TCP's transitory ones are of connections
// that open or close (RFC 5382, REQ-5); what a reset ended may go at once.
func timeouts() []atLeast {
	const tcp, udp, icmp = "RFC 5382, REQ-5", "RFC 4787, REQ-5", "RFC 5508, REQ-2"
	return []atLeast{
		{"nf_conntrack_udp_timeout", 120, udp}, {"nf_conntrack_udp_timeout_stream", 120, udp},
		{"nf_conntrack_tcp_timeout_established", 7440, tcp},
		{"nf_conntrack_tcp_timeout_syn_sent", 240, tcp}, {"nf_conntrack_tcp_timeout_syn_recv", 240, tcp},
		{"nf_conntrack_tcp_timeout_fin_wait", 240, tcp}, {"nf_conntrack_tcp_timeout_close_wait", 240, tcp},
		{"nf_conntrack_tcp_timeout_last_ack", 240, tcp}, {"nf_conntrack_tcp_timeout_time_wait", 240, tcp},
		{"nf_conntrack_icmp_timeout", 60, icmp}, {"nf_conntrack_icmpv6_timeout", 60, icmp},
	}
}

// shortTimeouts reports the timeouts below what RFCs ask for, all in one finding: one command
// lengthens them all.
func shortTimeouts(r *run, h Host) {
	var short, repair []string
	last := ""
	asked := func() { // the RFC follows the last of its timeouts
		if last != "" {
			short[len(short)-1] += " (" + last + ")"
		}
	}
	for _, t := range timeouts() {
		secs, err := strconv.Atoi(h.Sysctls["net/netfilter/"+t.key])
		if err != nil || secs >= t.secs {
			continue
		}
		if t.rfc != last {
			asked()
			last = t.rfc
		}
		short = append(short, fmt.Sprintf("%s %d < %d s", strings.TrimPrefix(t.key, "nf_conntrack_"), secs, t.secs))
		repair = append(repair, fmt.Sprintf("net.netfilter.%s=%d", t.key, t.secs))
	}
	asked()
	if len(short) > 0 {
		r.find(r.gatewayAt(""), "conntrack", "sysctl -w "+strings.Join(repair, " "),
			"flows are forgotten sooner than the RFCs require, and their later packets get another translation or none: %s", strings.Join(short, ", "))
	}
}

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
