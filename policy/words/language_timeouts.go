package words

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/snatctl/snatctl/policy"
)

// withFlowKeys returns the language with the keys that gateway, zones and services have about their
// flows: mss and timeouts, behind all others of each.
func withFlowKeys(keys []Keyword) []Keyword {
	for _, of := range []struct{ path, whose, absent string }{
		{"gateway.", "all connections that come to or through this machine, or that it makes, where no zone or service says otherwise", "the kernel's own"},
		{"zones[].", "the zone's connections", "the gateway's"},
		{"services[].", "the service's connections", "the gateway's"},
	} {
		last := 0
		for i := range keys {
			if strings.HasPrefix(keys[i].Path, of.path) {
				last = i + 1
			}
		}
		more := timeoutKeys(of.path, of.whose, of.absent)
		if of.path != "services[]." {
			more = append([]Keyword{mssKey(of.path)}, more...)
		}
		keys = slices.Insert(keys, last, more...)
	}
	return keys
}

func mssKey(path string) Keyword {
	k := Keyword{Path: path + "mss", Kind: anMSS, Absent: "as the two ends agree",
		Meaning: "The largest TCP segments that forwarded connections may agree on: `clamp` is what fits into the MTU of the routes to both ends, a number is bytes without headers. It is written into SYN and SYN-ACK, and only ever lowers what they say. Tunnels and PPPoE need it where ICMP is lost on the way, since large packets then vanish in silence.",
		Example: "clamp", Errors: []string{"N03"}}
	if path != "gateway." {
		k.Absent = "the gateway's"
		k.Errors = append(k.Errors, "R03")
		k.Meaning = "The same as `gateway.mss`, for all forwarded connections of the zone's sources, in both directions. Connections of services, and to what is mapped, have the gateway's."
		k.Example = "1400"
	}
	return k
}

// timeoutKeys returns the key timeouts of a mapping, and those below it.
func timeoutKeys(path, whose, absent string) []Keyword {
	key := Keyword{Path: path + "timeouts", Kind: aWord, Words: []string{"rfc"}, Or: aMapping, Absent: absent,
		Meaning: "How long " + whose + ", are remembered without a packet. `rfc` is what RFC 4787 (UDP 5 minutes), 5382 (TCP 2 hours 4 minutes, and 4 minutes to open and close) and 5508 (ICMP 1 minute) ask for; `docs/timeouts.md` has the numbers. A flow keeps the timeouts that it began with, also when the policy changes.",
		Example: "rfc", Errors: []string{"N03", "R01"}}
	if path == "gateway." {
		key.Errors = append(key.Errors, "R02")
	} else {
		key.Meaning = "The same as `gateway.timeouts`, for " + whose + ". What is not written is as the gateway has it. Only UDP and TCP: the kernel has the others' timeouts for the whole machine."
		key.Example = "{udp_stream: 10m}"
	}
	keys := []Keyword{key}
	for _, s := range policy.FlowStates() {
		if s.Sysctl != "" && path != "gateway." {
			continue
		}
		keys = append(keys, stateKey(path+"timeouts.", absent, s))
	}
	return keys
}

func stateKey(path, absent string, s policy.StateInfo) Keyword {
	k := Keyword{Path: path + s.Key, Kind: aDuration, Absent: absent, Meaning: stateMeanings[s.Key], Example: "90s", Errors: []string{"N03"}}
	if k.Meaning == "" {
		proto, state, _ := strings.Cut(s.Key, "_")
		k.Meaning = strings.ToUpper(proto) + " flows in the state " + state + "."
	}
	if absent == "the kernel's own" && s.Kernel > 0 {
		k.Absent = fmt.Sprintf("the kernel's %ds", s.Kernel/time.Second)
	}
	if s.Sysctl != "" {
		k.Meaning += " `apply` sets " + s.Sysctl + "; it leaves the value when the key is removed."
	}
	return k
}

// stateMeanings says what is not plain from a key's name.
var stateMeanings = map[string]string{
	"udp":             "UDP flows without an answer, and for their first two seconds those with one.",
	"udp_stream":      "UDP flows that were answered and go on after two seconds.",
	"tcp_syn_sent":    "TCP: one side has sent a SYN.",
	"tcp_syn_recv":    "TCP: the SYN was answered.",
	"tcp_established": "TCP: open connections.",
	"tcp_fin_wait":    "TCP: one side has sent a FIN.",
	"tcp_close_wait":  "TCP: the FIN was acknowledged, and the other side is still open.",
	"tcp_last_ack":    "TCP: both sides have sent a FIN.",
	"tcp_time_wait":   "TCP: the connection is closed.",
	"tcp_close":       "TCP: the connection was reset.",
	"tcp_syn_sent2":   "TCP: both sides have sent a SYN.",
	"tcp_retrans":     "TCP: three packets were repeated without an answer. The lesser of this and the state's own counts.",
	"tcp_unack":       "TCP: data was not acknowledged yet. The lesser of this and the state's own counts.",
	"icmp":            "ICMP queries, such as echo requests.",
	"icmpv6":          "ICMPv6 queries.",
	"generic":         "Flows of protocols that the kernel does not know.",
	"gre":             "GRE flows without an answer.",
	"gre_stream":      "GRE flows that were answered.",
}
