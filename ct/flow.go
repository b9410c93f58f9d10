// Package ct has the kernel's connection tracking as values: flows with their tuples, the
// zone or service of a policy that each flow belongs to, which flows contradict the policy,
// and sums over flows.
//
// Nothing here talks to the kernel; package ct/ctlink does.
package ct

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Tuple is one direction of a flow: who sends to whom. The ports are zero for protocols
// without ports; for ICMP the source's port is the echo id.
type Tuple struct {
	Proto    inet.Proto
	ICMPType uint8 // of the packet that goes in this direction; ICMP and ICMPv6 only
	ICMPCode uint8
	Src, Dst netip.AddrPort
}

// Flow is one conntrack entry.
//
// Orig is the direction of the packet that opened the connection, as it was before any
// translation; Reply is what answers look like when they arrive. So answers come from the
// translated destination, Reply.Src, and go to the translated source, Reply.Dst.
type Flow struct {
	Orig, Reply Tuple
	// Master is Orig of the flow whose helper expected this one; without addresses where there is
	// none. The kernel does not tell it when a flow changes or ends (Masters).
	Master      Tuple
	ID          uint32 // the kernel's name for the entry; 0 if it was not told
	CTZone      uint16 // conntrack zone (not a zone of the policy) of Orig; 0 is the default one
	ReplyCTZone uint16 // that of Reply: the same, unless a rule sets zones by direction
	Mark        uint32 // the entry's own (CONNMARK); of events that end a flow, not told
	Status      Status
	TCPState    TCPState
	Timeout     uint32    // seconds until the entry ends if no packet comes; not told of offloaded flows
	In, Out     Traffic   // In from who opened the connection, Out back to it, as ipvsadm counts
	Start, Stop time.Time // zero where the kernel keeps no times (nf_conntrack_timestamp)
}

// Traffic counts one direction. Bytes are those of IP packets, headers included.
type Traffic struct{ Packets, Bytes uint64 }

// FlowName tells flows apart that live at a time. The ID alone would not do: it is a hash of
// 32 bits, so that a few flows of every 100,000 share theirs. Ports do not tell those apart:
// floods and scans have the same. So the other half is a hash of the ends.
type FlowName struct{ id, ends uint32 }

// Name returns the flow's name, from its ID and the ends of Orig.
func (f *Flow) Name() FlowName { return FlowName{f.ID, f.Orig.hash()} }

// hash mixes addresses and ports, each word by a multiplication whose halves are folded.
func (t *Tuple) hash() uint32 {
	src, dst := t.Src.Addr().As16(), t.Dst.Addr().As16()
	h := uint64(t.Src.Port())<<16 | uint64(t.Dst.Port())
	for _, word := range [...]uint64{
		binary.BigEndian.Uint64(src[:8]), binary.NativeEndian.Uint64(src[8:]),
		binary.BigEndian.Uint64(dst[:8]), binary.NativeEndian.Uint64(dst[8:]),
	} {
		hi, lo := bits.Mul64(h^word^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
		h = hi ^ lo
	}
	return uint32(h ^ h>>32)
}

// TranslatedDst tells whether packets go elsewhere than they were sent (DNAT).
func (f *Flow) TranslatedDst() bool {
	return f.Reply.Src != f.Orig.Dst && f.Orig.hasEnds() || f.Reply.Src.Addr() != f.Orig.Dst.Addr()
}

// TranslatedSrc tells whether packets leave under another source address or port (SNAT).
func (f *Flow) TranslatedSrc() bool {
	return f.Reply.Dst != f.Orig.Src && f.Orig.hasEnds() || f.Reply.Dst.Addr() != f.Orig.Src.Addr()
}

// hasEnds tells whether both ends of the tuple have ports that a translation may change.
func (t Tuple) hasEnds() bool { return t.Proto.HasPorts() }

// Status is the kernel's set of facts about an entry (nf_conntrack_common.h, IPS_…).
type Status uint32

// The facts that snatctl looks at.
const (
	Expected  Status = 1 << 0 // a helper expected it
	SeenReply Status = 1 << 1 // an answer has come
	Assured   Status = 1 << 2 // not dropped early when the table is full
	SrcNAT    Status = 1 << 4
	DstNAT    Status = 1 << 5
	Dying     Status = 1 << 9
	Offloaded Status = 1 << 14 // its packets take a flowtable's short way, which alone knows when it ends
)

// TCPState is the state of a TCP connection (nf_conntrack_tcp.h). The zero value is none,
// which all other protocols have.
type TCPState uint8

// The states of connections that are not established yet, and of those that are over.
const (
	SynSent  TCPState = 1
	SynRecv  TCPState = 2
	SynSent2 TCPState = 9 // both ends have sent a SYN
	TimeWait TCPState = 7
	Close    TCPState = 8
)

var tcpStates = [...]string{"", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"}

// State names the state as conntrack lists it: that of the TCP connection, else UNREPLIED,
// ASSURED or REPLIED. The kernel tells no state of a TCP connection on a flowtable, since only
// established ones are there (nft_flow_offload_eval, ctnetlink_dump_info).
func (f *Flow) State() string {
	switch {
	case f.Orig.Proto == inet.TCP && f.TCPState > 0 && int(f.TCPState) < len(tcpStates):
		return tcpStates[f.TCPState]
	case f.Orig.Proto == inet.TCP && f.Status&Offloaded != 0:
		return "ESTABLISHED"
	case f.Status&SeenReply == 0:
		return "UNREPLIED"
	case f.Status&Assured != 0:
		return "ASSURED"
	}
	return "REPLIED"
}
