package nft

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// Type is the type of one member of a set's key.
type Type uint8

// The key types. Some sets are declared with `typeof`, the others with `type` (Set.Typeof).
const (
	IPv4    Type = iota + 1 // ipv4_addr
	IPv6                    // ipv6_addr
	Proto                   // inet_proto
	Service                 // inet_service: a port
	Ifname                  // ifname
	Slot                    // a small number: host byte order, but network order in Interval sets
	FwMark                  // mark, of a packet or a flow: the same byte orders
	Class                   // classid: a packet's priority, two numbers of 16 bits in one; host byte order
)

var types = [...]struct {
	name, typeof string
	width        int // bytes in the wire form, padded
}{
	IPv4:    {"ipv4_addr", "ip daddr", 4},
	IPv6:    {"ipv6_addr", "ip6 daddr", 16},
	Proto:   {"inet_proto", "meta l4proto", 4},
	Service: {"inet_service", "th dport", 4},
	Ifname:  {"ifname", "", 16},
	Slot:    {"", "numgen inc mod 65536", 4},
	FwMark:  {"mark", "meta mark", 4},
	Class:   {"classid", "meta priority", 4},
}

// Width returns how many bytes the type takes in a key.
func (t Type) Width() int {
	if int(t) >= len(types) {
		return 0
	}
	return types[t].width
}

// AddrType returns the address type of a family.
func AddrType(f inet.Family) Type {
	if f == inet.V4 {
		return IPv4
	}
	return IPv6
}

// Data is what a map's elements hold. The zero value makes a plain set.
type Data uint8

// The kinds of data. Interval data holds a range of addresses for the NAT statements.
const (
	NoData         Data = iota
	VerdictData         // a verdict
	Addr4               // ipv4_addr
	Addr6               // ipv6_addr
	Addr4Port           // ipv4_addr . inet_service
	Addr6Port           // ipv6_addr . inet_service
	AddrRange4          // interval ipv4_addr
	AddrRange6          // interval ipv6_addr
	AddrRange4Port      // interval ipv4_addr . inet_service
	ClassData           // classid
	ObjectData          // the name of an object; the set says of which kind. Not together with a Slot
)

var datas = map[Data]struct {
	name, typeof string
	members      []Type
	interval     bool
}{
	VerdictData:    {name: "verdict", typeof: "verdict"},
	Addr4:          {"ipv4_addr", "ip daddr", []Type{IPv4}, false},
	Addr6:          {"ipv6_addr", "ip6 daddr", []Type{IPv6}, false},
	Addr4Port:      {"ipv4_addr . inet_service", "ip daddr . th dport", []Type{IPv4, Service}, false},
	Addr6Port:      {"ipv6_addr . inet_service", "ip6 daddr . th dport", []Type{IPv6, Service}, false},
	AddrRange4:     {"interval ipv4_addr", "", []Type{IPv4}, true},
	AddrRange6:     {"interval ipv6_addr", "", []Type{IPv6}, true},
	AddrRange4Port: {"interval ipv4_addr . inet_service", "", []Type{IPv4, Service}, true},
	ClassData:      {"classid", "meta priority", []Type{Class}, false},
}

// Members returns the types that the data is made of; none for verdicts and plain sets.
func (d Data) Members() []Type { return datas[d].members }

// IsInterval tells whether the data is a range: first and last, one behind the other.
func (d Data) IsInterval() bool { return datas[d].interval }

// Width returns the number of bytes of one element's data.
func (d Data) Width() int {
	n := 0
	for _, t := range datas[d].members {
		n += t.Width()
	}
	if datas[d].interval {
		n *= 2
	}
	return n
}

// KeyWidth returns the number of bytes of a key of the set.
func (s *Set) KeyWidth() int {
	n := 0
	for _, t := range s.Key {
		n += t.Width()
	}
	return n
}

// HasSlot tells whether a slot is part of the key.
func (s *Set) HasSlot() bool { return slices.Contains(s.Key, Slot) }

// Typeof tells whether the set is declared by what rules load (`typeof`), not by types: nft 1.0.6 has
// no name for a slot's, and loads no list that has a mark among other types.
func (s *Set) Typeof() bool { return s.HasSlot() || len(s.Key) > 1 && slices.Contains(s.Key, FwMark) }

// Wire builds keys and data in wire form. The zero value is ready to use.
type Wire struct {
	b   []byte
	out *strings.Builder // what was taken, one behind the other: strings of a few bytes each are dear
}

// mostWire is how many bytes are taken at once where there are many strings.
const mostWire = 16 << 10

// Addr appends an address.
func (w *Wire) Addr(a netip.Addr) *Wire { w.b = append(w.b, a.AsSlice()...); return w }

// Proto appends a protocol.
func (w *Wire) Proto(p inet.Proto) *Wire { w.b = append(w.b, byte(p), 0, 0, 0); return w }

// Port appends a port.
func (w *Wire) Port(p uint16) *Wire { w.b = append(w.b, byte(p>>8), byte(p), 0, 0); return w }

// Slot appends a slot for a set whose keys are exact.
func (w *Wire) Slot(n int) *Wire { w.b = binary.NativeEndian.AppendUint32(w.b, uint32(n)); return w }

// SlotBig appends a slot for an Interval set.
func (w *Wire) SlotBig(n int) *Wire { w.b = binary.BigEndian.AppendUint32(w.b, uint32(n)); return w }

// Mark appends a mark for a set whose keys are exact.
func (w *Wire) Mark(m uint32) *Wire { w.b = binary.NativeEndian.AppendUint32(w.b, m); return w }

// MarkBig appends a mark for an Interval set.
func (w *Wire) MarkBig(m uint32) *Wire { w.b = binary.BigEndian.AppendUint32(w.b, m); return w }

// Class appends a priority.
func (w *Wire) Class(n uint32) *Wire { w.b = binary.NativeEndian.AppendUint32(w.b, n); return w }

// Ifname appends an interface name.
func (w *Wire) Ifname(s string) *Wire {
	var b [16]byte
	copy(b[:15], s)
	w.b = append(w.b, b[:]...)
	return w
}

// Take returns what was built and starts anew.
func (w *Wire) Take() string {
	if w.out == nil || w.out.Cap()-w.out.Len() < len(w.b) {
		more := 64
		if w.out != nil {
			more = min(2*w.out.Cap(), mostWire)
		}
		w.out = new(strings.Builder)
		w.out.Grow(max(more, len(w.b)))
	}
	from := w.out.Len()
	w.out.Write(w.b)
	w.b = w.b[:0]
	return w.out.String()[from:]
}

// formatWire prints bytes of the given types as nft writes a concatenation; with a
// last it prints ranges, member by member.
func formatWire(b *strings.Builder, members []Type, first, last string, big bool) {
	for i, t := range members {
		if i > 0 {
			b.WriteString(" . ")
		}
		w := t.Width()
		if len(first) < w || last != "" && len(last) < w {
			fmt.Fprintf(b, "0x%s", hex.EncodeToString([]byte(first)))
			return
		}
		var end string
		if last != "" {
			end, last = last[:w], last[w:]
		}
		formatMember(b, t, first[:w], end, big)
		first = first[w:]
	}
}

func formatMember(b *strings.Builder, t Type, first, last string, big bool) {
	if last != "" && t != IPv4 && t != IPv6 && first != last {
		formatOne(b, t, first, big)
		b.WriteByte('-')
		formatOne(b, t, last, big)
		return
	}
	if last == "" || t != IPv4 && t != IPv6 {
		formatOne(b, t, first, big)
		return
	}
	from, _ := netip.AddrFromSlice([]byte(first))
	to, _ := netip.AddrFromSlice([]byte(last))
	b.WriteString(inet.Range{From: from, To: to}.String())
}

func formatOne(b *strings.Builder, t Type, v string, big bool) {
	switch t {
	case IPv4, IPv6:
		a, _ := netip.AddrFromSlice([]byte(v))
		b.WriteString(a.String())
	case Proto:
		b.WriteString(inet.Proto(v[0]).String())
	case Service:
		b.WriteString(strconv.Itoa(int(v[0])<<8 | int(v[1])))
	case Slot, FwMark:
		n := binary.NativeEndian.Uint32([]byte(v))
		if big {
			n = binary.BigEndian.Uint32([]byte(v))
		}
		if t == FwMark {
			fmt.Fprintf(b, "0x%08x", n)
			break
		}
		b.WriteString(strconv.FormatUint(uint64(n), 10))
	case Class:
		n := binary.NativeEndian.Uint32([]byte(v))
		fmt.Fprintf(b, "%x:%x", n>>16, n&0xffff)
	case Ifname:
		b.WriteString(strconv.Quote(strings.TrimRight(v, "\x00")))
	}
}

// KeyString prints an element's key as nft writes it.
func (s *Set) KeyString(e Element) string {
	var b strings.Builder
	s.formatKey(&b, e)
	return b.String()
}

func (s *Set) formatKey(b *strings.Builder, e Element) {
	if e.Key == "" {
		b.WriteByte('*')
		return
	}
	formatWire(b, s.Key, e.Key, e.KeyEnd, s.Interval)
}

// DataString prints an element's data or verdict as nft writes it; empty in plain sets.
func (s *Set) DataString(e Element) string {
	var b strings.Builder
	s.formatData(&b, e)
	return b.String()
}

func (s *Set) formatData(b *strings.Builder, e Element) {
	switch s.Data {
	case VerdictData:
		b.WriteString(e.Verdict.String())
		return
	case ObjectData:
		b.WriteString(strconv.Quote(e.Data))
		return
	}
	first, last := e.Data, ""
	if half := len(e.Data) / 2; s.Data.IsInterval() {
		first, last = e.Data[:half], e.Data[half:]
	}
	var d strings.Builder
	formatWire(&d, s.Data.Members(), first, last, false)
	text := d.String()
	if s.Data.IsInterval() {
		text = spellSingle(text, first, last, s.Data)
	}
	b.WriteString(text)
}

// spellSingle writes a range of one address as a prefix: nft refuses a bare address
// where the map's data is an interval.
func spellSingle(text, first, last string, d Data) string {
	w := d.Members()[0].Width()
	if len(first) < w || len(last) < w || first[:w] != last[:w] {
		return text
	}
	addr, rest, _ := strings.Cut(text, " ")
	if rest != "" {
		return addr + "-" + addr + " " + rest
	}
	return addr + "/" + strconv.Itoa(w*8)
}
