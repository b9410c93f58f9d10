package nft

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/snatctl/snatctl/inet"
)

// Field is something that a rule loads from the packet, its flow, or makes itself.
type Field struct {
	Kind FieldKind
	Bits int     // of an address: only that many leading bits; 0: all
	And  uint32  // of a mark: only these bits; 0: all
	Mod  uint32  // of the generators: values are 0 to Mod-1
	Base uint32  // of NumgenInc: added to its values, so that with Mod 1 it is a constant
	Seed uint32  // of JHash
	Of   []Field // of JHash: what is hashed
}

// FieldKind is the kind of a field.
type FieldKind uint8

// The fields. "Ct" fields are those of the flow's first packet as it came in, before any
// translation (nft: `ct original …`).
const (
	IPSaddr FieldKind = iota + 1
	IPDaddr
	IP6Saddr
	IP6Daddr
	L4Proto
	Sport
	Dport
	CtIPSaddr
	CtIP6Saddr
	CtIPDaddr
	CtIP6Daddr
	CtDport
	NumgenInc
	NumgenRandom
	JHash
	PacketMark // meta mark: lives as long as the packet
	FlowMark   // ct mark: the flow's, which all of its packets find
	Priority   // of the packet, as queueing disciplines see it
	IIfName    // the interface that the packet came in by
	OIfName    // the interface that it leaves by
)

var fieldNames = map[FieldKind]string{
	IPSaddr: "ip saddr", IPDaddr: "ip daddr", IP6Saddr: "ip6 saddr", IP6Daddr: "ip6 daddr",
	L4Proto: "meta l4proto", Sport: "th sport", Dport: "th dport",
	CtIPSaddr: "ct original ip saddr", CtIP6Saddr: "ct original ip6 saddr",
	CtIPDaddr: "ct original ip daddr", CtIP6Daddr: "ct original ip6 daddr", CtDport: "ct original proto-dst",
	PacketMark: "meta mark", FlowMark: "ct mark",
	Priority: "meta priority", IIfName: "iifname", OIfName: "oifname",
}

// F returns a plain field.
func F(k FieldKind) Field { return Field{Kind: k} }

// String returns the field as nft writes it.
func (f Field) String() string {
	switch f.Kind {
	case NumgenInc:
		if f.Base > 0 {
			return fmt.Sprintf("numgen inc mod %d offset %d", f.Mod, f.Base)
		}
		return fmt.Sprintf("numgen inc mod %d", f.Mod)
	case NumgenRandom:
		return fmt.Sprintf("numgen random mod %d", f.Mod)
	case JHash:
		return fmt.Sprintf("jhash %s mod %d seed 0x%x", concat(f.Of), f.Mod, f.Seed)
	}
	switch {
	case f.Bits > 0:
		return fieldNames[f.Kind] + " & " + f.Mask().String()
	case f.And != 0:
		return fmt.Sprintf("%s & 0x%08x", fieldNames[f.Kind], f.And)
	}
	return fieldNames[f.Kind]
}

// Mask returns the mask that leaves Bits leading bits of an address field.
func (f Field) Mask() netip.Addr {
	size := 4
	if f.Kind == IP6Saddr || f.Kind == IP6Daddr {
		size = 16
	}
	mask := make([]byte, size)
	for i := range min(f.Bits, 8*size) {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(mask)
	return a
}

func concat(fs []Field) string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.String()
	}
	return strings.Join(names, " . ")
}

// Stmt is one statement of a rule. The set of implementations is closed: whoever adds one
// gives it a text form here and an encoding in package nftlink.
type Stmt interface {
	String() string // as nft writes it
	stmt()
}

type (
	// L4Is matches one of some transport protocols. With several, nft makes an anonymous set.
	L4Is struct{ Protos []inet.Proto }
	// FamilyIs matches IPv4 or IPv6.
	FamilyIs struct{ Family inet.Family }
	// SetMark changes a mark: of its bits those of Keep stay, those of Value are set, and all others are
	// cleared. Keep and Value have no bit in common.
	SetMark struct {
		Of          FieldKind // PacketMark or FlowMark
		Keep, Value uint32
	}
	// DportIs matches the destination port of a transport protocol.
	DportIs struct{ Port uint16 }
	// CtNew matches packets of flows that have seen no reply.
	CtNew struct{}
	// CtEstablished matches packets of flows that have seen a reply.
	CtEstablished struct{}
	// CtOriginal matches packets that go the way of the flow's first one; its answers go the other.
	CtOriginal struct{}
	// CtInvalid matches packets that conntrack can assign to no flow: no chain of type nat sees them.
	CtInvalid struct{}
	// CtStatus matches a status bit of the flow, or its absence.
	CtStatus struct {
		Bit StatusBit
		Not bool
	}
	// FromSelf matches packets that the machine itself sends: they entered nowhere.
	FromSelf struct{}
	// PriorityIs matches packets that the sender has given a priority (SO_PRIORITY).
	PriorityIs struct{ Priority uint32 }
	// OIfIs matches the interface through which the packet leaves; "ppp*" matches by prefix.
	OIfIs struct{ Name string }
	// OIfIn matches the leaving interface against a set.
	OIfIn struct{ Set string }
	// IIfIs matches the interface through which the packet came in; "ppp*" matches by prefix.
	IIfIs struct{ Name string }
	// IIfIn matches the entering interface against a set.
	IIfIn struct{ Set string }
	// InSet matches fields against a set.
	InSet struct {
		Key []Field
		Set string
	}
	// Update enters fields into a dynamic map, or renews what is there: then the data
	// stays and the time starts anew.
	Update struct {
		Map     string
		Key     []Field
		Data    []Field
		Timeout time.Duration // whole seconds
	}
	// Vmap looks the fields up in a verdict map; a miss goes on to the next rule.
	Vmap struct {
		Key []Field
		Map string
	}
	// NAT translates the source or the destination to what a map gives; a miss goes on to
	// the next rule.
	NAT struct {
		Source     bool // snat; else dnat
		Key        []Field
		Map        string
		Data       Data           // of the map
		Ports      inet.PortRange // constant ports; zero: none
		Prefix     bool           // the map gives a prefix: the address behind it stays (1:1)
		Random     bool           // fully-random
		Persistent bool           // of a range, the source address alone chooses
	}
	// Masq translates the source to the address of the interface that the packet leaves through.
	Masq struct{}
	// RejectTCPReset answers with a TCP reset.
	RejectTCPReset struct{}
	// RejectPortUnreachable answers with ICMP or ICMPv6 port unreachable.
	RejectPortUnreachable struct{}
	// FlowAdd puts the packet's flow on the table's flowtable, unless the kernel finds that
	// it needs a closer look: what is neither TCP nor UDP, not fully open or about to close,
	// or has a helper (net/netfilter/nft_flow_offload.c). The packet itself goes on.
	FlowAdd struct{ Flowtable string }
	// Use hands the packet to a named object. A limit that does not match ends the rule.
	Use struct{ Object Ref }
	// UseBy hands the packet to the object that a map names for its key. A miss ends the rule, as
	// does a limit that does not match.
	UseBy struct {
		Kind ObjectKind
		Key  []Field
		Map  string
	}
	// Counter counts the packets that come by, and lets them go on.
	Counter struct{}
	// Give is a verdict.
	Give struct{ Verdict Verdict }
)

// StatusBit is a bit of a flow's status (include/uapi/linux/netfilter/nf_conntrack_common.h).
type StatusBit uint32

// The bits that snatctl looks at.
const (
	Confirmed StatusBit = 1 << 3 // the flow's first packet has left
	DNAT      StatusBit = 1 << 5 // the destination was translated
)

func (L4Is) stmt()                  {}
func (FamilyIs) stmt()              {}
func (SetMark) stmt()               {}
func (DportIs) stmt()               {}
func (CtNew) stmt()                 {}
func (CtEstablished) stmt()         {}
func (CtOriginal) stmt()            {}
func (CtInvalid) stmt()             {}
func (Counter) stmt()               {}
func (CtStatus) stmt()              {}
func (FromSelf) stmt()              {}
func (PriorityIs) stmt()            {}
func (OIfIs) stmt()                 {}
func (OIfIn) stmt()                 {}
func (IIfIs) stmt()                 {}
func (IIfIn) stmt()                 {}
func (InSet) stmt()                 {}
func (Update) stmt()                {}
func (Vmap) stmt()                  {}
func (NAT) stmt()                   {}
func (Masq) stmt()                  {}
func (RejectTCPReset) stmt()        {}
func (RejectPortUnreachable) stmt() {}
func (FlowAdd) stmt()               {}
func (Use) stmt()                   {}
func (UseBy) stmt()                 {}
func (Give) stmt()                  {}

func (s L4Is) String() string {
	names := make([]string, len(s.Protos))
	for i, p := range s.Protos {
		names[i] = p.String()
	}
	if len(names) == 1 {
		return "meta l4proto " + names[0]
	}
	return "meta l4proto { " + strings.Join(names, ", ") + " }"
}

func (s FamilyIs) String() string {
	if s.Family == inet.V6 {
		return "meta nfproto ipv6"
	}
	return "meta nfproto ipv4"
}

// String writes bits that are set as kept, too, as nft lists them.
func (s SetMark) String() string {
	mark := fieldNames[s.Of]
	if s.Keep == 0 {
		return fmt.Sprintf("%s set 0x%08x", mark, s.Value)
	}
	return fmt.Sprintf("%s set %s & 0x%08x | 0x%08x", mark, mark, s.Keep|s.Value, s.Value)
}

func (s DportIs) String() string { return fmt.Sprintf("th dport %d", s.Port) }

func (CtNew) String() string { return "ct state new" }

func (CtEstablished) String() string { return "ct state established" }

func (CtOriginal) String() string { return "ct direction original" }
func (CtInvalid) String() string  { return "ct state invalid" }

func (Counter) String() string { return "counter" }

func (s CtStatus) String() string {
	name := map[StatusBit]string{Confirmed: "confirmed", DNAT: "dnat"}[s.Bit]
	if s.Not {
		return "ct status ! " + name
	}
	return "ct status " + name
}

func (FromSelf) String() string { return "iif 0" }

func (s PriorityIs) String() string {
	return fmt.Sprintf("meta priority %x:%x", s.Priority>>16, s.Priority&0xffff)
}
func (s OIfIs) String() string { return "oifname " + strconv.Quote(s.Name) }
func (s OIfIn) String() string { return "oifname @" + s.Set }
func (s IIfIs) String() string { return "iifname " + strconv.Quote(s.Name) }
func (s IIfIn) String() string { return "iifname @" + s.Set }
func (s InSet) String() string { return concat(s.Key) + " @" + s.Set }
func (s Vmap) String() string  { return concat(s.Key) + " vmap @" + s.Map }

func (s Update) String() string {
	return fmt.Sprintf("update @%s { %s timeout %s : %s }", s.Map, concat(s.Key), span(s.Timeout), concat(s.Data))
}

func (s NAT) String() string {
	var b strings.Builder
	b.WriteString("dnat ")
	if s.Source {
		b.Reset()
		b.WriteString("snat ")
	}
	b.WriteString("ip")
	if s.Family() == inet.V6 {
		b.WriteString("6")
	}
	if s.Prefix {
		b.WriteString(" prefix")
	}
	b.WriteString(" to " + concat(s.Key) + " map @" + s.Map)
	if !s.Ports.IsZero() {
		b.WriteString(":" + s.Ports.String())
	}
	var flags []string
	if s.Random {
		flags = append(flags, "fully-random")
	}
	if s.Persistent {
		flags = append(flags, "persistent")
	}
	if len(flags) > 0 {
		b.WriteString(" " + strings.Join(flags, ","))
	}
	return b.String()
}

// Family returns the family of the addresses that the map gives.
func (s NAT) Family() inet.Family {
	if m := s.Data.Members(); len(m) > 0 && m[0] == IPv6 {
		return inet.V6
	}
	return inet.V4
}

func (Masq) String() string                  { return "masquerade" }
func (RejectTCPReset) String() string        { return "reject with tcp reset" }
func (RejectPortUnreachable) String() string { return "reject" }
func (s FlowAdd) String() string             { return "flow add @" + s.Flowtable }
func (s Give) String() string                { return s.Verdict.String() }

func (s Use) String() string {
	return objectKinds[s.Object.Kind].use + " " + strconv.Quote(s.Object.Name)
}

func (s UseBy) String() string {
	return objectKinds[s.Kind].use + " " + concat(s.Key) + " map @" + s.Map
}

// String returns the rule as nft writes it.
func (r Rule) String() string {
	words := make([]string, 0, len(r.Stmts)+1)
	for _, s := range r.Stmts {
		words = append(words, s.String())
	}
	if r.Comment != "" {
		words = append(words, "comment "+strconv.Quote(r.Comment))
	}
	return strings.Join(words, " ")
}
