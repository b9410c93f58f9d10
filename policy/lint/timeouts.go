package lint

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// timeoutRules are the rules about timeouts in a policy, and about what of them a host decides.
func timeoutRules() []Rule {
	return []Rule{{
		Code: "R04", Severity: policy.Warning, check: hasty,
		Title: "Timeouts are shorter than the RFCs about NAT allow.",
		Why: "When a mapping is forgotten while a client pauses, its peer cannot reach it any more, or it comes back with another port. RFC 4787 asks for 2 " +
			"minutes for UDP, RFC 5382 for 2 hours and 4 minutes for TCP and 4 minutes while it opens or closes, RFC 5508 for 60 seconds for ICMP. " +
			"Toward well-known ports UDP may have less: a zone with such `ports` is not reported.",
	}, {
		Code: "R05", Severity: policy.Warning, Live: true, live: overruled,
		Needs: Needs{Sysctls: stateKeys()}, about: saysTimeouts,
		Title: "A timeout of this host does not count, since a policy says another one of the same protocol.",
		Why: "UDP and TCP get their timeouts from the policy as a whole, or not at all: as soon as one state of a protocol is written, all others have what " +
			"the kernel has built in, and the sysctls of the machine do not count for such flows. Somebody made them longer for a reason.",
	}, {
		Code: "R06", Severity: policy.Warning, check: offloadedTimeouts,
		Title: "Flows on a flowtable do not have the timeouts of the policy.",
		Why: "When a flow leaves the flowtable, since it is silent or closes, the kernel gives it what is left of the machine's timeouts " +
			"(nf_flow_table_core.c), never those of the policy. Where timeouts matter, as RFCs ask for them, leave `offload` off, or set the " +
			"sysctls of net.netfilter, too.",
	}}
}

// atLeast is the least seconds that an RFC asks for in a state, whether a policy says its timeout or the machine.
type atLeast struct {
	state string // as policies write it
	secs  int
	rfc   string
}

// key is the sysctl of the state.
func (t atLeast) key() string {
	s, _ := policy.StateOf(t.state)
	return stateKey(s.Info())
}

// timeouts are those that the RFCs about NAT know. TCP's transitory ones are of connections
// that open or close (RFC 5382, REQ-5); what a reset ended may go at once.
func timeouts() []atLeast {
	const tcp, udp, icmp = "RFC 5382, REQ-5", "RFC 4787, REQ-5", "RFC 5508, REQ-2"
	return []atLeast{
		{"udp", 120, udp}, {"udp_stream", 120, udp},
		{"tcp_established", 7440, tcp},
		{"tcp_syn_sent", 240, tcp}, {"tcp_syn_recv", 240, tcp},
		{"tcp_fin_wait", 240, tcp}, {"tcp_close_wait", 240, tcp},
		{"tcp_last_ack", 240, tcp}, {"tcp_time_wait", 240, tcp},
		{"icmp", 60, icmp}, {"icmpv6", 60, icmp},
	}
}

// shortTimeouts reports the timeouts of the host below what RFCs ask for, all in one finding: one command
// lengthens them all. Those that the policy decides are the policy's.
func shortTimeouts(r *run, h Host) {
	var short, repair []string
	last := ""
	asked := func() { // the RFC follows the last of its timeouts
		if last != "" {
			short[len(short)-1] += " (" + last + ")"
		}
	}
	for _, t := range timeouts() {
		secs, err := strconv.Atoi(h.Sysctls[t.key()])
		if err != nil || secs >= t.secs || decides(r.Gateway.Timeouts, t.state) {
			continue
		}
		if t.rfc != last {
			asked()
			last = t.rfc
		}
		short = append(short, fmt.Sprintf("%s %d < %d s", strings.TrimPrefix(t.key(), "net/netfilter/nf_conntrack_"), secs, t.secs))
		repair = append(repair, fmt.Sprintf("%s=%d", dotted(t.key()), t.secs))
	}
	asked()
	if len(short) > 0 {
		r.find(r.gatewayAt("timeouts"), "conntrack", "write `timeouts: rfc` under gateway; or sysctl -w "+strings.Join(repair, " "),
			"flows are forgotten sooner than the RFCs require, and their later packets get another translation or none: %s", strings.Join(short, ", "))
	}
}

// decides tells whether a policy's timeouts say how long a state lasts: those of UDP and TCP do so for all
// states of the protocol, or for none.
func decides(t *policy.Timeouts, state string) bool {
	s, known := policy.StateOf(state)
	if t == nil || !known {
		return false
	}
	return t[s] > 0 || s.Info().Sysctl == "" && says(t, s.Info().Proto)
}

// says tells whether a timeout of a protocol is written.
func says(t *policy.Timeouts, proto inet.Proto) bool {
	for i, s := range policy.FlowStates() {
		if s.Sysctl == "" && s.Proto == proto && t[i] > 0 {
			return true
		}
	}
	return false
}

// timed calls fn for each place that timeouts of a NAT are written at: the gateway's, and those of
// zones that translate.
func (r *run) timed(fn func(t *policy.Timeouts, at policy.Pos, object string, z *policy.Zone)) {
	nat := false
	r.eachZone(func(z *policy.Zone, object string) {
		if !z.ChangesSource() {
			return
		}
		nat = true
		if z.Timeouts != nil {
			fn(z.Timeouts, z.At("timeouts"), object, z)
		}
	})
	if nat && r.Gateway.Timeouts != nil {
		fn(r.Gateway.Timeouts, r.gatewayAt("timeouts"), "gateway", nil)
	}
}

// hasty finds timeouts that are written and too short.
func hasty(r *run) {
	r.timed(func(t *policy.Timeouts, at policy.Pos, object string, z *policy.Zone) {
		var short []string
		for _, least := range timeouts() {
			s, _ := policy.StateOf(least.state)
			if d := t[s]; d > 0 && d < time.Duration(least.secs)*time.Second && !(s.Info().Proto == inet.UDP && z != nil && wellKnown(z)) {
				short = append(short, fmt.Sprintf("%s %d < %d s (%s)", least.state, d/time.Second, least.secs, least.rfc))
			}
		}
		if len(short) > 0 {
			r.find(at, object, "`timeouts: rfc` has what the RFCs ask for", "mappings are forgotten sooner than the RFCs allow: %s", strings.Join(short, ", "))
		}
	})
}

// wellKnown tells whether a zone is for well-known ports alone (RFC 4787, REQ-5a).
func wellKnown(z *policy.Zone) bool {
	for _, p := range z.Ports {
		if p.Ports.IsZero() || p.Ports.Last > 1023 {
			return false
		}
	}
	return len(z.Ports) > 0
}

// stateKey is the sysctl of a state; empty: it has none.
func stateKey(s policy.StateInfo) string {
	switch proto, rest, _ := strings.Cut(s.Key, "_"); {
	case s.Sysctl != "":
		return "net/netfilter/" + s.Sysctl
	case s.Key == "udp":
		return "net/netfilter/nf_conntrack_udp_timeout"
	case s.Key == "tcp_retrans":
		return "net/netfilter/nf_conntrack_tcp_timeout_max_retrans"
	case s.Key == "tcp_unack":
		return "net/netfilter/nf_conntrack_tcp_timeout_unacknowledged"
	case s.Key == "tcp_syn_sent2":
		return ""
	default:
		return "net/netfilter/nf_conntrack_" + proto + "_timeout_" + rest
	}
}

func stateKeys() (keys []string) {
	for _, s := range policy.FlowStates() {
		if key := stateKey(s); s.Sysctl == "" && key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func saysTimeouts(r *run) (any bool) {
	r.timed(func(*policy.Timeouts, policy.Pos, string, *policy.Zone) { any = true })
	return any
}

// overruled finds timeouts of the host that are longer than what the kernel has built in, and do not count.
func overruled(r *run, h Host) {
	r.timed(func(t *policy.Timeouts, at policy.Pos, object string, z *policy.Zone) {
		var lost []string
		for i, s := range policy.FlowStates() {
			secs, err := strconv.Atoi(h.Sysctls[stateKey(s)])
			if s.Sysctl != "" || err != nil || !says(t, s.Proto) || t[i] > 0 || z != nil && decides(r.Gateway.Timeouts, s.Key) {
				continue
			}
			if kernel := int(s.Kernel / time.Second); secs > kernel {
				lost = append(lost, fmt.Sprintf("%s is %d s, and %s is %d s", dotted(stateKey(s)), secs, s.Key, kernel))
			}
		}
		if len(lost) > 0 {
			r.find(at, object, "write these states, too", "since other states of the protocol are written, the host's timeouts do not count: %s", strings.Join(lost, ", "))
		}
	})
}

// offloadedTimeouts finds timeouts that a flowtable takes away.
func offloadedTimeouts(r *run) {
	if r.Gateway.Offload == policy.OffloadOff {
		return
	}
	r.timed(func(t *policy.Timeouts, at policy.Pos, object string, _ *policy.Zone) {
		if says(t, inet.UDP) || says(t, inet.TCP) {
			r.find(at, object, "leave `offload` off, or set the sysctls of net.netfilter, too", "flows that were on the flowtable have the machine's timeouts, not these (offload: %s)", r.Gateway.Offload)
		}
	})
}
