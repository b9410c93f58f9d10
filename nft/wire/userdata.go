package wire

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
)

// Userdata of sets (libnftnl: include/libnftnl/udata.h, enum nftnl_udata_set_types), a list
// of type, length, value with one byte each for type and length. The kernel keeps it for nft,
// which aborts when it lists certain sets that lack it.
const (
	udKeyByteorder  = 0
	udDataByteorder = 1
	udKeyTypeof     = 3
	udDataTypeof    = 4
	udDataInterval  = 6
)

// Byte orders (nftables: include/datatype.h, enum byteorder).
const (
	orderNone = 0
	orderHost = 1
	orderBig  = 2
)

// Expressions in a typeof (nftables: include/expression.h, enum expr_types) and the fields
// that they are used with (include/proto.h).
const (
	exprVerdict = 1
	exprPayload = 7
	exprMeta    = 9
	exprConcat  = 13
	exprNumgen  = 23

	descTransport = 11
	descIP        = 12
	descIP6       = 13

	fieldIPDaddr  = 12
	fieldIP6Daddr = 9
	fieldDport    = 2
	metaL4Proto   = 16
	metaMark      = 3
	metaPriority  = 2
)

func tlv(b []byte, typ byte, v []byte) []byte {
	return append(append(b, typ, byte(len(v))), v...)
}

func tlv32(b []byte, typ byte, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(b, typ, 4), v)
}

func byteorder(members []nft.Type) uint32 {
	if len(members) != 1 {
		return orderNone
	}
	switch members[0] {
	case nft.IPv4, nft.IPv6, nft.Service:
		return orderBig
	case nft.Ifname, nft.Slot, nft.FwMark, nft.Class:
		return orderHost
	}
	return orderNone
}

// Userdata returns the userdata of a set or map: the very bytes that nft gives it.
func Userdata(s *nft.Set) []byte {
	b := tlv32(nil, udKeyByteorder, byteorder(s.Key))
	if s.Data == nft.NoData {
		if s.Typeof() {
			b = tlv(b, udKeyTypeof, typeofAll(s.Key))
		}
		return b
	}
	if s.Data != nft.ObjectData {
		b = tlv32(b, udDataByteorder, byteorder(s.Data.Members()))
	}
	if s.Typeof() {
		b = tlv(b, udKeyTypeof, typeofAll(s.Key))
		b = tlv(b, udDataTypeof, typeofData(s.Data))
	}
	var interval uint32
	if s.Data.IsInterval() {
		interval = 1
	}
	return tlv32(b, udDataInterval, interval)
}

func typeofData(d nft.Data) []byte {
	if d == nft.VerdictData {
		return tlv(tlv32(nil, 0, exprVerdict), 1, nil)
	}
	return typeofAll(d.Members())
}

func typeofAll(members []nft.Type) []byte {
	if len(members) == 1 {
		return typeof(members[0])
	}
	var list []byte
	for i, t := range members {
		list = tlv(list, byte(i), typeof(t))
	}
	return tlv(tlv32(nil, 0, exprConcat), 1, list)
}

func typeof(t nft.Type) []byte {
	payload := func(desc, field uint32) []byte {
		return tlv(tlv32(nil, 0, exprPayload), 1, tlv32(tlv32(nil, 0, desc), 1, field))
	}
	switch t {
	case nft.IPv4:
		return payload(descIP, fieldIPDaddr)
	case nft.IPv6:
		return payload(descIP6, fieldIP6Daddr)
	case nft.Service:
		return payload(descTransport, fieldDport)
	case nft.Proto:
		return tlv(tlv32(nil, 0, exprMeta), 1, tlv32(nil, 0, metaL4Proto))
	case nft.FwMark:
		return tlv(tlv32(nil, 0, exprMeta), 1, tlv32(nil, 0, metaMark))
	case nft.Class:
		return tlv(tlv32(nil, 0, exprMeta), 1, tlv32(nil, 0, metaPriority))
	default: // nft.Slot, spelled "numgen inc mod 65536"
		return tlv(tlv32(nil, 0, exprNumgen), 1, tlv32(tlv32(tlv32(nil, 0, unix.NFT_NG_INCREMENTAL), 1, 65536), 2, 0))
	}
}

// udComment is the type of a comment in the userdata of elements, rules and tables.
const udComment = 0

// commentUserdata returns userdata that holds a comment alone.
func commentUserdata(s string) []byte {
	return append(append(append([]byte{udComment}, byte(len(s)+1)), s...), 0)
}

// Comment reads the comment out of userdata; "" where there is none.
func Comment(ud []byte) string {
	for len(ud) >= 2 && len(ud) >= 2+int(ud[1]) {
		n := int(ud[1])
		if ud[0] == udComment && n > 0 {
			return string(ud[2 : 2+n-1])
		}
		ud = ud[2+n:]
	}
	return ""
}
