package nstest

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Craft returns the first IP packet of a connection: a TCP SYN, a UDP datagram, an SCTP INIT,
// an echo request with the source port as its number, or four bytes of any other protocol.
func Craft(proto int, from, to netip.AddrPort) []byte {
	return craft(proto, from, to, transport(proto, from.Port(), to.Port()))
}

// CraftFIN returns a TCP segment that ends a connection which never was: conntrack calls it
// invalid (nf_conntrack_tcp_packet).
func CraftFIN(from, to netip.AddrPort) []byte {
	const flags, fin = 13, 1
	payload := transport(unix.IPPROTO_TCP, from.Port(), to.Port())
	payload[flags] = fin
	return craft(unix.IPPROTO_TCP, from, to, payload)
}

// craft puts a payload into an IP packet, and its checksum right.
func craft(proto int, from, to netip.AddrPort, payload []byte) []byte {
	v6 := from.Addr().Is6()
	pseudo := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(payload)))
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(proto))
	switch proto {
	case unix.IPPROTO_TCP:
		binary.BigEndian.PutUint16(payload[16:], checksum(pseudo, payload))
	case unix.IPPROTO_UDP:
		binary.BigEndian.PutUint16(payload[6:], checksum(pseudo, payload))
	case unix.IPPROTO_ICMP:
		binary.BigEndian.PutUint16(payload[2:], checksum(payload))
	case unix.IPPROTO_ICMPV6:
		binary.BigEndian.PutUint16(payload[2:], checksum(pseudo, payload))
	case unix.IPPROTO_SCTP:
		binary.LittleEndian.PutUint32(payload[8:], crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	default:
		// The kernel rejects with an answer only what sums up like TCP, whatever protocol it
		// is (nf_reject_verify_csum); for IPv4 without the pseudo header (nf_ip_checksum).
		if !v6 {
			pseudo = pseudo[:8:8]
			binary.BigEndian.PutUint16(payload[2:], checksum(payload))
			break
		}
		binary.BigEndian.PutUint16(payload[2:], checksum(pseudo, payload))
	}
	if v6 { // RFC 8200 section 3
		head := []byte{0x60, 0, 0, 0, 0, 0, byte(proto), 64}
		binary.BigEndian.PutUint16(head[4:], uint16(len(payload)))
		return append(append(head, pseudo[:32]...), payload...)
	}
	head := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, byte(proto), 0, 0} // RFC 791 section 3.1
	head = append(head, pseudo[:8]...)
	binary.BigEndian.PutUint16(head[2:], uint16(len(head)+len(payload)))
	binary.BigEndian.PutUint16(head[10:], checksum(head))
	return append(head, payload...)
}

func transport(proto int, sport, dport uint16) []byte {
	ports := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, sport), dport)
	switch proto {
	case unix.IPPROTO_TCP: // RFC 9293 section 3.1
		return append(ports, 0, 0, 0x5e, 0xed, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0)
	case unix.IPPROTO_UDP:
		return append(ports, 0, 12, 0, 0, 'l', 'a', 'w', '\n')
	case unix.IPPROTO_SCTP: // RFC 9260 section 3.3.2
		return append(ports, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 20, 0, 0, 0x5e, 0xed, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0x5e, 0xed, 1)
	case unix.IPPROTO_ICMP:
		return []byte{8, 0, 0, 0, byte(sport >> 8), byte(sport), 0, 1, 'l', 'a', 'w', '\n'}
	case unix.IPPROTO_ICMPV6:
		return []byte{128, 0, 0, 0, byte(sport >> 8), byte(sport), 0, 1, 'l', 'a', 'w', '\n'}
	}
	return []byte{'l', 'a', 0, 0}
}

// checksum is the Internet's (RFC 1071).
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, b := range parts {
		for i := 0; i < len(b); i += 2 {
			sum += uint32(b[i]) << 8
			if i+1 < len(b) {
				sum += uint32(b[i+1])
			}
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
