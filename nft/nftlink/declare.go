package nftlink

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// nft's numbers for data types (nftables: include/datatype.h, enum datatypes). The kernel
// stores them without looking; `nft list` needs them.
const (
	typeInteger   = 4
	typeIPAddr    = 7
	typeIP6Addr   = 8
	typeInetProto = 12
	typeService   = 13
	typeIfname    = 41
	typeBits      = 6 // a concatenation's number is its members', six bits each
	typeVerdict   = unix.NFT_DATA_VERDICT
)

var typeNumbers = map[nft.Type]uint32{
	nft.IPv4: typeIPAddr, nft.IPv6: typeIP6Addr, nft.Proto: typeInetProto,
	nft.Service: typeService, nft.Ifname: typeIfname, nft.Slot: typeInteger,
}

func typeNumber(members []nft.Type) uint32 {
	var n uint32
	for _, t := range members {
		n = n<<typeBits | typeNumbers[t]
	}
	return n
}

// What golang.org/x/sys/unix lacks of include/uapi/linux/netfilter/nf_tables.h.
const (
	setConcat      = 0x80 // NFT_SET_CONCAT
	setExpr        = 17   // NFTA_SET_EXPR
	setExpressions = 18   // NFTA_SET_EXPRESSIONS
	setDescConcat  = 2    // NFTA_SET_DESC_CONCAT
	setFieldLen    = 1    // NFTA_SET_FIELD_LEN
	bitwiseOp      = 6    // NFTA_BITWISE_OP
	chainFlags     = 10   // NFTA_CHAIN_FLAGS
	chainBinding   = 4    // NFT_CHAIN_BINDING: made for one rule, and gone with it
	elemCatchall   = 2    // NFT_SET_ELEM_CATCHALL (Linux 5.13): for keys that no other element has
)

// realWidths are the sizes of key members without padding, as pipapo sets want them.
var realWidths = map[nft.Type]uint32{nft.IPv4: 4, nft.IPv6: 16, nft.Proto: 1, nft.Service: 2, nft.Ifname: 16, nft.Slot: 4}

func setFlags(s *nft.Set) uint32 {
	var f uint32
	if s.Data != nft.NoData {
		f |= unix.NFT_SET_MAP
	}
	if s.Interval {
		f |= unix.NFT_SET_INTERVAL
		if len(s.Key) > 1 {
			f |= setConcat
		}
	}
	if s.Dynamic {
		f |= unix.NFT_SET_EVAL | unix.NFT_SET_TIMEOUT
	}
	return f
}

// appendSet appends the attributes that declare a set, behind table and name.
func appendSet(b []byte, s *nft.Set, id uint32) []byte {
	b = nfnl.AppendU32(b, unix.NFTA_SET_FLAGS, setFlags(s))
	b = nfnl.AppendU32(b, unix.NFTA_SET_KEY_TYPE, typeNumber(s.Key))
	b = nfnl.AppendU32(b, unix.NFTA_SET_KEY_LEN, uint32(s.KeyWidth()))
	b = nfnl.AppendU32(b, unix.NFTA_SET_ID, id)
	switch s.Data {
	case nft.NoData:
	case nft.VerdictData:
		b = nfnl.AppendU32(b, unix.NFTA_SET_DATA_TYPE, typeVerdict)
		b = nfnl.AppendU32(b, unix.NFTA_SET_DATA_LEN, 0)
	default:
		b = nfnl.AppendU32(b, unix.NFTA_SET_DATA_TYPE, typeNumber(s.Data.Members()))
		b = nfnl.AppendU32(b, unix.NFTA_SET_DATA_LEN, uint32(s.Data.Width()))
	}
	switch {
	case setFlags(s)&setConcat != 0:
		b = appendFields(b, s.Key)
	case s.Dynamic:
		var at int
		b, at = nfnl.OpenNest(b, unix.NFTA_SET_DESC)
		b = nfnl.AppendU32(b, unix.NFTA_SET_DESC_SIZE, nft.DynamicSize)
		nfnl.CloseNest(b, at)
	}
	if s.Counter {
		var at int
		b, at = nfnl.OpenNest(b, setExpr)
		b = nfnl.AppendString(b, unix.NFTA_EXPR_NAME, "counter")
		nfnl.CloseNest(b, at)
	}
	return nfnl.AppendAttr(b, unix.NFTA_SET_USERDATA, setUserdata(s))
}

// appendFields describes the members of a concatenation of ranges (nf_tables.h,
// NFTA_SET_DESC_CONCAT).
func appendFields(b []byte, key []nft.Type) []byte {
	b, desc := nfnl.OpenNest(b, unix.NFTA_SET_DESC)
	b, list := nfnl.OpenNest(b, setDescConcat)
	for _, t := range key {
		var at int
		b, at = nfnl.OpenNest(b, unix.NFTA_LIST_ELEM)
		b = nfnl.AppendU32(b, setFieldLen, realWidths[t])
		nfnl.CloseNest(b, at)
	}
	nfnl.CloseNest(b, list)
	nfnl.CloseNest(b, desc)
	return b
}

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
	case nft.Ifname, nft.Slot:
		return orderHost
	}
	return orderNone
}

func setUserdata(s *nft.Set) []byte {
	b := tlv32(nil, udKeyByteorder, byteorder(s.Key))
	if s.Data == nft.NoData {
		if s.HasSlot() {
			b = tlv(b, udKeyTypeof, typeofAll(s.Key))
		}
		return b
	}
	b = tlv32(b, udDataByteorder, byteorder(s.Data.Members()))
	if s.HasSlot() {
		b = tlv(b, udKeyTypeof, typeofAll(s.Key))
		b = tlv(b, udDataTypeof, typeofAll(s.Data.Members()))
	}
	var interval uint32
	if s.Data.IsInterval() {
		interval = 1
	}
	return tlv32(b, udDataInterval, interval)
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
	default: // nft.Slot, spelled "numgen inc mod 65536"
		return tlv(tlv32(nil, 0, exprNumgen), 1, tlv32(tlv32(tlv32(nil, 0, unix.NFT_NG_INCREMENTAL), 1, 65536), 2, 0))
	}
}

// udComment is the type of a comment in the userdata of elements, rules and tables.
const udComment = 0

func commentUserdata(s string) []byte {
	return append(append(append([]byte{udComment}, byte(len(s)+1)), s...), 0)
}

// comment reads the comment out of userdata; "" where there is none.
func comment(ud []byte) string {
	for len(ud) >= 2 && len(ud) >= 2+int(ud[1]) {
		n := int(ud[1])
		if ud[0] == udComment && n > 0 {
			return string(ud[2 : 2+n-1])
		}
		ud = ud[2+n:]
	}
	return ""
}

// declaration reads a set's declaration back from its attributes; what snatctl never
// declares gets an empty Key, so that it differs from all that it does.
func declaration(b []byte) (s *nft.Set, anonymous bool) {
	s = &nft.Set{}
	var flags, keyType, keyLen, dataType, dataLen, size uint32
	var other bool
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case unix.NFTA_SET_NAME:
			s.Name = a.Str()
		case unix.NFTA_SET_FLAGS:
			flags = a.U32()
		case unix.NFTA_SET_KEY_TYPE:
			keyType = a.U32()
		case unix.NFTA_SET_KEY_LEN:
			keyLen = a.U32()
		case unix.NFTA_SET_DATA_TYPE:
			dataType = a.U32()
		case unix.NFTA_SET_DATA_LEN:
			dataLen = a.U32()
		case unix.NFTA_SET_DESC:
			at := nfnl.Attrs{Val: nfnl.Find(a.Val, unix.NFTA_SET_DESC_SIZE)}
			size = at.U32()
		case setExpr:
			s.Counter = string(nfnl.Find(a.Val, unix.NFTA_EXPR_NAME)) == "counter\x00"
			other = other || !s.Counter
		case unix.NFTA_SET_TIMEOUT, unix.NFTA_SET_GC_INTERVAL, unix.NFTA_SET_OBJ_TYPE, setExpressions:
			other = true
		}
	}
	s.Interval = flags&unix.NFT_SET_INTERVAL != 0
	s.Dynamic = flags&unix.NFT_SET_EVAL != 0
	s.Data = dataOf(flags, dataType, dataLen)
	s.Key = membersOf(keyType)
	if s.Dynamic {
		size ^= nft.DynamicSize
	}
	if other || size != 0 || uint32(s.KeyWidth()) != keyLen || setFlags(s) != flags {
		s.Key = nil
	}
	return s, flags&unix.NFT_SET_ANONYMOUS != 0
}

func membersOf(number uint32) []nft.Type {
	var out []nft.Type
	for ; number != 0; number >>= typeBits {
		var found nft.Type
		for t, n := range typeNumbers {
			if n == number&(1<<typeBits-1) {
				found = t
			}
		}
		if found == 0 {
			return nil
		}
		out = append([]nft.Type{found}, out...)
	}
	return out
}

func dataOf(flags, number, width uint32) nft.Data {
	if flags&unix.NFT_SET_MAP == 0 {
		return nft.NoData
	}
	if number == typeVerdict {
		return nft.VerdictData
	}
	for d := nft.Addr4; d <= nft.AddrRange4Port; d++ {
		if typeNumber(d.Members()) == number && uint32(d.Width()) == width {
			return d
		}
	}
	return nft.NoData
}

// nfprotoOf returns the kernel's number for a family.
func nfprotoOf(f inet.Family) byte {
	if f == inet.V4 {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}
