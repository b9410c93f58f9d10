package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// FlowState is a state that a flow can be in without a packet: its place in FlowStates.
type FlowState uint8

// States is how many there are.
const States = FlowState(len(flowStates))

// StateInfo is what is known of a state of flows.
type StateInfo struct {
	Key    string        // as policies write it
	Proto  inet.Proto    // whose flows have it; 0: it is in no ct timeout object
	Sysctl string        // of net.netfilter, of those that only the whole machine can have; empty: in ct timeout objects
	Kernel time.Duration // what the kernel has by itself; 0: it depends on the kernel
	RFC    time.Duration // what `timeouts: rfc` means; 0: it says nothing
}

// flowStates is all states. The kernel's timeouts are those of net/netfilter/nf_conntrack_proto_*.c. Those of
// `rfc`: RFC 4787 REQ-5 (UDP 5 minutes), RFC 5382 REQ-5 (TCP established 2 hours 4 minutes, all that opens or closes 4 minutes)
// and RFC 5508 REQ-2 (ICMP 60 seconds). The TCP states stand in the order of enum tcp_conntrack.
var flowStates = [...]StateInfo{
	{"udp", inet.UDP, "", 30 * time.Second, 5 * time.Minute},
	{"udp_stream", inet.UDP, "", 120 * time.Second, 5 * time.Minute},
	{"tcp_syn_sent", inet.TCP, "", 120 * time.Second, 4 * time.Minute},
	{"tcp_syn_recv", inet.TCP, "", 60 * time.Second, 4 * time.Minute},
	{"tcp_established", inet.TCP, "", 120 * time.Hour, 124 * time.Minute},
	{"tcp_fin_wait", inet.TCP, "", 120 * time.Second, 4 * time.Minute},
	{"tcp_close_wait", inet.TCP, "", 60 * time.Second, 4 * time.Minute},
	{"tcp_last_ack", inet.TCP, "", 30 * time.Second, 4 * time.Minute},
	{"tcp_time_wait", inet.TCP, "", 120 * time.Second, 4 * time.Minute},
	{"tcp_close", inet.TCP, "", 10 * time.Second, 4 * time.Minute},
	{"tcp_syn_sent2", inet.TCP, "", 120 * time.Second, 4 * time.Minute},
	{"tcp_retrans", inet.TCP, "", 300 * time.Second, 124 * time.Minute},
	{"tcp_unack", inet.TCP, "", 300 * time.Second, 124 * time.Minute},
	{Key: "icmp", Sysctl: "nf_conntrack_icmp_timeout", Kernel: 30 * time.Second, RFC: time.Minute},
	{Key: "icmpv6", Sysctl: "nf_conntrack_icmpv6_timeout", Kernel: 30 * time.Second, RFC: time.Minute},
	{Key: "generic", Sysctl: "nf_conntrack_generic_timeout", Kernel: 10 * time.Minute},
	{Key: "gre", Sysctl: "nf_conntrack_gre_timeout", Kernel: 30 * time.Second},
	{Key: "gre_stream", Sysctl: "nf_conntrack_gre_timeout_stream", Kernel: 3 * time.Minute},
	{Key: "sctp_closed", Sysctl: "nf_conntrack_sctp_timeout_closed", Kernel: 10 * time.Second},
	{Key: "sctp_cookie_wait", Sysctl: "nf_conntrack_sctp_timeout_cookie_wait", Kernel: 3 * time.Second},
	{Key: "sctp_cookie_echoed", Sysctl: "nf_conntrack_sctp_timeout_cookie_echoed", Kernel: 3 * time.Second},
	{Key: "sctp_established", Sysctl: "nf_conntrack_sctp_timeout_established"},
	{Key: "sctp_shutdown_sent", Sysctl: "nf_conntrack_sctp_timeout_shutdown_sent"},
	{Key: "sctp_shutdown_recd", Sysctl: "nf_conntrack_sctp_timeout_shutdown_recd"},
	{Key: "sctp_shutdown_ack_sent", Sysctl: "nf_conntrack_sctp_timeout_shutdown_ack_sent"},
	{Key: "sctp_heartbeat_sent", Sysctl: "nf_conntrack_sctp_timeout_heartbeat_sent"},
	{Key: "dccp_request", Sysctl: "nf_conntrack_dccp_timeout_request"},
	{Key: "dccp_respond", Sysctl: "nf_conntrack_dccp_timeout_respond"},
	{Key: "dccp_partopen", Sysctl: "nf_conntrack_dccp_timeout_partopen"},
	{Key: "dccp_open", Sysctl: "nf_conntrack_dccp_timeout_open"},
	{Key: "dccp_closereq", Sysctl: "nf_conntrack_dccp_timeout_closereq"},
	{Key: "dccp_closing", Sysctl: "nf_conntrack_dccp_timeout_closing"},
	{Key: "dccp_timewait", Sysctl: "nf_conntrack_dccp_timeout_timewait"},
}

// FlowStates returns all states, in the order of FlowState.
func FlowStates() []StateInfo { return slices.Clone(flowStates[:]) }

// Info returns what is known of a state.
func (s FlowState) Info() StateInfo { return flowStates[s] }

// StateOf returns the state of a key.
func StateOf(key string) (FlowState, bool) {
	i := slices.IndexFunc(flowStates[:], func(s StateInfo) bool { return s.Key == key })
	return FlowState(max(i, 0)), i >= 0
}

// Timeouts is how long flows stay in each state without a packet, in whole seconds. 0: nobody says.
type Timeouts [States]time.Duration

// RFCTimeouts is what `timeouts: rfc` means.
func RFCTimeouts() (t Timeouts) {
	for i, s := range flowStates {
		t[i] = s.RFC
	}
	return t
}

// MostTimeout is the longest that a timeout may be: the kernel counts in ticks of up to 1,000 a second,
// in 31 bits.
const MostTimeout = 576 * time.Hour

// over returns the timeouts, and where they say nothing, those of others.
func (t *Timeouts) over(others *Timeouts) Timeouts {
	var out Timeouts
	if others != nil {
		out = *others
	}
	if t == nil {
		return out
	}
	for i, d := range t {
		if d > 0 {
			out[i] = d
		}
	}
	return out
}

// Of returns the timeouts of a protocol's flows in full, in the order of FlowStates.
func (t *Timeouts) Of(p inet.Proto) (all []time.Duration) {
	for i, s := range flowStates {
		switch {
		case s.Proto != p:
		case t[i] > 0:
			all = append(all, t[i])
		default:
			all = append(all, s.Kernel)
		}
	}
	return all
}

// objects returns what of the timeouts is in ct timeout objects.
func (t Timeouts) objects() Timeouts {
	for i, s := range flowStates {
		if s.Sysctl != "" {
			t[i] = 0
		}
	}
	return t
}

// GatewayTimeouts is what every flow has that no zone or service gives others. Only what ct timeout objects
// hold; Policy.Gateway.Timeouts has the rest.
func (p *Policy) GatewayTimeouts() Timeouts { return p.Gateway.Timeouts.over(nil).objects() }

// ZoneTimeouts is what a zone's flows have: the gateway's where the zone says nothing.
func (p *Policy) ZoneTimeouts(z *Zone) Timeouts {
	return z.Timeouts.over(p.Gateway.Timeouts).objects()
}

// ServiceTimeouts is what a service's flows have: the gateway's where the service says nothing.
func (p *Policy) ServiceTimeouts(s *Service) Timeouts {
	return s.Timeouts.over(p.Gateway.Timeouts).objects()
}

// String prints the timeouts that are said: "rfc", or "udp 120s, tcp_established 7200s".
func (t Timeouts) String() string {
	if rfc := RFCTimeouts(); t == rfc || t == rfc.objects() {
		return "rfc"
	}
	var words []string
	for i, d := range t {
		if d > 0 {
			words = append(words, fmt.Sprintf("%s %ds", flowStates[i].Key, d/time.Second))
		}
	}
	return strings.Join(words, ", ")
}

// timeouts says how long the connection is remembered.
func (d *decider) timeouts() {
	none := Timeouts{}
	switch {
	case d.pkt.Invalid || d.Verdict != Accept:
		d.Timeouts = none
		return
	case d.Service != "":
		i := slices.IndexFunc(d.policy.Services, func(s Service) bool { return s.Name == d.Service })
		d.Timeouts = d.policy.ServiceTimeouts(&d.policy.Services[i])
	case d.Timeouts == none:
		d.Timeouts = d.policy.GatewayTimeouts()
	}
	if d.Timeouts != none {
		why := d.Reason
		d.say("timeouts: %s", d.Timeouts)
		d.Reason = why
	}
}
