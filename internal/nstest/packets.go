package nstest

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Flags of TCP segments (RFC 9293, 3.1).
const FIN, SYN, RST, ACK = 1, 2, 4, 16

// CraftSegment returns a TCP segment of any kind.
func CraftSegment(from, to netip.AddrPort, flags byte, seq, ack uint32, data string) []byte {
	p := transport(unix.IPPROTO_TCP, from.Port(), to.Port())
	binary.BigEndian.PutUint32(p[4:], seq)
	binary.BigEndian.PutUint32(p[8:], ack)
	p[13] = flags
	return craft(unix.IPPROTO_TCP, from, to, append(p, data...))
}

// CraftDatagram returns a UDP datagram with data of its own.
func CraftDatagram(from, to netip.AddrPort, data string) []byte {
	p := transport(unix.IPPROTO_UDP, from.Port(), to.Port())[:8]
	binary.BigEndian.PutUint16(p[4:], uint16(len(p)+len(data)))
	return craft(unix.IPPROTO_UDP, from, to, append(p, data...))
}

// CraftICMP returns an ICMP message of IPv4 (RFC 792): an error quotes a packet, an echo its data. Rest is the
// second half of the header: what is unused, an MTU, or number and sequence.
func CraftICMP(from, to netip.Addr, kind, code byte, rest uint32, data []byte) []byte {
	p := binary.BigEndian.AppendUint32([]byte{kind, code, 0, 0}, rest)
	return craft(unix.IPPROTO_ICMP, netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0), append(p, data...))
}

// Rehead changes the header of an IPv4 packet, and puts its checksum right.
func Rehead(packet []byte, change func(head []byte)) []byte {
	p := slices.Clone(packet)
	head := p[:int(p[0]&15)*4]
	change(head)
	binary.BigEndian.PutUint16(head[10:], 0)
	binary.BigEndian.PutUint16(head[10:], checksum(head))
	return p
}

// DontFragment sets DF in an IPv4 packet (RFC 791, 3.1).
func DontFragment(packet []byte) []byte {
	return Rehead(packet, func(head []byte) { head[6] |= 0x40 })
}

// WithOptions puts options, in multiples of four bytes, behind the header of an IPv4 packet that has none.
func WithOptions(packet []byte, options ...byte) []byte {
	p := slices.Insert(slices.Clone(packet), 20, options...)
	p[0] += byte(len(options) / 4)
	return Rehead(p, func(head []byte) { binary.BigEndian.PutUint16(head[2:], uint16(len(p))) })
}

// Fragment cuts an IPv4 packet into fragments that carry at most size bytes, a multiple of eight. An id
// tells fragments of one packet from those of others.
func Fragment(packet []byte, size int, id uint16) (out [][]byte) {
	data := packet[20:]
	for at := 0; at < len(data); at += size {
		piece := data[at:min(at+size, len(data))]
		offset := uint16(at / 8)
		if at+size < len(data) {
			offset |= 0x2000 // more fragments
		}
		p := append(slices.Clone(packet[:20]), piece...)
		out = append(out, Rehead(p, func(head []byte) {
			binary.BigEndian.PutUint16(head[2:], uint16(len(p)))
			binary.BigEndian.PutUint16(head[4:], id)
			binary.BigEndian.PutUint16(head[6:], offset)
		}))
	}
	return out
}

// Parsed is an IPv4 packet read.
type Parsed struct {
	Proto      int
	From, To   netip.AddrPort // of ICMP queries the port is their number
	Kind, Code byte           // of ICMP
	Flags      byte           // of TCP
	Sum        bool           // the checksum of TCP, UDP or ICMP is right; a fragment has none
	Data       []byte         // behind the header of TCP, UDP or ICMP; all of a later fragment
	More       bool           // fragments follow
	Offset     int            // of a fragment, in bytes
}

// Parse reads an IPv4 packet, or what an ICMP error quotes of one. ok is false for all else.
func Parse(p []byte) (out Parsed, ok bool) {
	if len(p) < 20 || p[0]>>4 != 4 || len(p) < int(p[0]&15)*4+8 {
		return out, false
	}
	body := p[int(p[0]&15)*4:]
	if total := int(binary.BigEndian.Uint16(p[2:])); total < len(p) {
		body = body[:len(body)-len(p)+total]
	}
	fragment := binary.BigEndian.Uint16(p[6:])
	out = Parsed{Proto: int(p[9]), More: fragment&0x2000 != 0, Offset: int(fragment&0x1fff) * 8, Data: body}
	from, to := netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
	out.From, out.To = netip.AddrPortFrom(from, 0), netip.AddrPortFrom(to, 0)
	if out.Offset > 0 || len(body) < 8 {
		return out, true
	}
	pseudo := binary.BigEndian.AppendUint16(slices.Clone(p[12:20]), uint16(len(body)))
	pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(p[9]))
	ports := func() {
		out.From = netip.AddrPortFrom(from, binary.BigEndian.Uint16(body))
		out.To = netip.AddrPortFrom(to, binary.BigEndian.Uint16(body[2:]))
		out.Sum = checksum(pseudo, body) == 0
	}
	switch p[9] {
	case unix.IPPROTO_TCP:
		ports()
		if len(body) >= 20 {
			out.Flags, out.Data = body[13], body[int(body[12]>>4)*4:]
		}
	case unix.IPPROTO_UDP:
		ports()
		out.Data = body[8:]
	case unix.IPPROTO_ICMP:
		out.Kind, out.Code, out.Data, out.Sum = body[0], body[1], body[8:], checksum(body) == 0
		if out.Kind == 8 || out.Kind == 0 {
			out.From = netip.AddrPortFrom(from, binary.BigEndian.Uint16(body[4:]))
		}
	}
	return out, true
}
