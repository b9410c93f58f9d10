package nft

import (
	"fmt"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// CtTimeout gives new flows timeouts of their own (net/netfilter/nft_ct.c,
// nft_ct_timeout_obj_init). They lose them when the object is deleted or made anew. The kernel fills in what is not sent, and returns all: so an
// object names the timeout of every state, and DefaultTimeouts is where to begin. One that has
// nothing but defaults is useless, and nft 1.0.6 cannot load its own listing of it.
type CtTimeout struct {
	Name    string
	Comment string
	Proto   inet.Proto  // TCP or UDP: nft 1.0.6 can write no other
	Family  inet.Family // of the flows; zero: both
	After   Timeouts    // by state
}

// Timeouts are how long flows of a protocol stay in each state without a packet, in whole
// seconds. Those of TCP are indexed by TCPState, those of UDP by UDPState; the rest is 0.
type Timeouts [11]time.Duration

// TCPState is a state of TCP flows (include/uapi/linux/netfilter/nfnetlink_cttimeout.h, enum
// ctattr_timeout_tcp, less one).
type TCPState = int

// The states of TCP flows.
const (
	TCPSynSent TCPState = iota
	TCPSynRecv
	TCPEstablished
	TCPFinWait
	TCPCloseWait
	TCPLastAck
	TCPTimeWait
	TCPClose
	TCPSynSent2 // both sides sent a SYN
	TCPRetrans  // many retransmissions without an answer
	TCPUnack    // data without an answer
)

// UDPState is a state of UDP flows (the same file, enum ctattr_timeout_udp, less one).
type UDPState = int

// The states of UDP flows.
const (
	UDPUnreplied UDPState = iota
	UDPReplied
)

// timeoutStates are a protocol's states as nft writes them, and the kernel's default timeouts
// in seconds (net/netfilter/nf_conntrack_proto_tcp.c and nf_conntrack_proto_udp.c).
var timeoutStates = map[inet.Proto][]struct {
	name    string
	seconds int
}{
	inet.TCP: {{"syn_sent", 120}, {"syn_recv", 60}, {"established", 432000}, {"fin_wait", 120}, {"close_wait", 60},
		{"last_ack", 30}, {"time_wait", 120}, {"close", 10}, {"syn_sent2", 120}, {"retrans", 300}, {"unack", 300}},
	inet.UDP: {{"unreplied", 30}, {"replied", 120}},
}

// TimeoutStates returns how many states flows of a protocol have: the first of Timeouts. 0
// means that nft has no timeouts for the protocol.
func TimeoutStates(p inet.Proto) int { return len(timeoutStates[p]) }

// DefaultTimeouts returns the timeouts that flows of a protocol have where nobody sets any.
func DefaultTimeouts(p inet.Proto) (t Timeouts) {
	for i, s := range timeoutStates[p] {
		t[i] = time.Duration(s.seconds) * time.Second
	}
	return t
}

var ctTimeoutWords = objectWords{block: "ct timeout", use: "ct timeout set"}

// Ref returns kind and name.
func (o CtTimeout) Ref() Ref { return Ref{KindCtTimeout, o.Name} }

// Remark returns the comment.
func (o CtTimeout) Remark() string { return o.Comment }

func (o CtTimeout) settings() []string {
	var states []string
	for i, s := range timeoutStates[o.Proto] {
		states = append(states, fmt.Sprintf("%s : %d", s.name, o.After[i]/time.Second))
	}
	return []string{"protocol " + o.Proto.String(), "l3proto " + l3proto(o.Family), "policy = { " + strings.Join(states, ", ") + " }"}
}

// Bare returns what is compared.
func (o CtTimeout) Bare() Object { return o }
