package ctlink

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/ct"
	"github.com/snatctl/snatctl/inet"
)

// Nearly all tuples are of IPv4 with ports. The kernel writes those in 48 bytes that differ in
// values only, so they are read by looking at the seven attributes' heads.

// head returns an attribute's length and type as they stand on the wire, as one number.
func head(length, typ uint16) uint32 {
	var b [4]byte
	binary.NativeEndian.PutUint16(b[:], length)
	binary.NativeEndian.PutUint16(b[2:], typ)
	return binary.NativeEndian.Uint32(b[:])
}

// What the heads of such a tuple are, in their order (ctnetlink_dump_tuples_ip, ipv4_tuple_to_nlattr,
// ctnetlink_dump_tuples_proto, nf_ct_port_tuple_to_nlattr).
var (
	headIP    = head(20, ctaTupleIP|unix.NLA_F_NESTED)
	headSrc   = head(8, ctaIPv4Src)
	headDst   = head(8, ctaIPv4Dst)
	headProto = head(28, ctaTupleProto|unix.NLA_F_NESTED)
	headNum   = head(5, ctaProtoNum)
	headSport = head(6, ctaProtoSrcPort)
	headDport = head(6, ctaProtoDstPort)
)

// usualTuple reads a tuple of that form, and tells whether it has it. Any other is left to tuple.
func usualTuple(b []byte, t *ct.Tuple) bool {
	if len(b) != 48 {
		return false
	}
	b = b[:48]
	at := func(n int) uint32 { return binary.NativeEndian.Uint32(b[n:]) }
	if at(0) != headIP || at(4) != headSrc || at(12) != headDst || at(20) != headProto || at(24) != headNum || at(32) != headSport || at(40) != headDport {
		return false
	}
	t.Proto = inet.Proto(b[28])
	t.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[8:])), binary.BigEndian.Uint16(b[36:]))
	t.Dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:])), binary.BigEndian.Uint16(b[44:]))
	return true
}
