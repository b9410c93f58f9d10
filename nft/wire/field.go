package wire

import (
	"fmt"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// verdictReg is the register that holds verdicts; dataReg is the first for data.
const (
	verdictReg = unix.NFT_REG_VERDICT
	dataReg    = unix.NFT_REG_1
)

// reg returns the number of the register that starts at the given 32-bit word. nft calls
// whole 128-bit registers by their short numbers.
func reg(word int) uint32 {
	if word%4 == 0 {
		return uint32(unix.NFT_REG_1 + word/4)
	}
	return uint32(unix.NFT_REG32_00 + word)
}

// guard makes sure of the family before its header is read: a table of family inet sees both.
func (l *lowering) guard(f inet.Family) {
	if l.guarded == f {
		return
	}
	l.guarded = f
	l.add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: dataReg})
	l.cmp(expr.CmpOpEq, nfprotoOf(f))
}

// headers are the fields of the IP headers (RFC 791, RFC 8200), offset and size in bytes.
var headers = map[nft.FieldKind]struct {
	family      inet.Family
	offset, len uint32
}{
	nft.IPSaddr: {inet.V4, 12, 4}, nft.IPDaddr: {inet.V4, 16, 4},
	nft.IP6Saddr: {inet.V6, 8, 16}, nft.IP6Daddr: {inet.V6, 24, 16},
}

// load loads fields into consecutive registers from the given word on. For keys of
// interval sets, which compare as big-endian numbers, it turns what is in host byte order.
func (l *lowering) load(fields []nft.Field, word int, big bool) int {
	l.guards(fields)
	behind := 0 // where what is loaded on the way may go
	if len(fields) > 1 {
		behind = word
		for _, f := range fields {
			behind += words(f)
		}
	}
	for _, f := range fields {
		word = l.loadOne(f, word, behind+4, big && len(fields) > 1)
	}
	return word
}

func (l *lowering) guards(fields []nft.Field) {
	for _, f := range fields {
		if h, ok := headers[f.Kind]; ok {
			l.guard(h.family)
		}
		l.guards(f.Of)
	}
}

// words returns how many 32-bit words a field fills.
func words(f nft.Field) int {
	switch f.Kind {
	case nft.IP6Saddr, nft.IP6Daddr, nft.CtIP6Saddr, nft.CtIP6Daddr, nft.IIfName, nft.OIfName:
		return 4
	}
	return 1
}

// loadOne loads a field into the registers from word on; the input of a hash goes to those
// from behind on.
func (l *lowering) loadOne(f nft.Field, word, behind int, big bool) int {
	r := reg(word)
	if h, ok := headers[f.Kind]; ok {
		l.add(&expr.Payload{DestRegister: r, Base: expr.PayloadBaseNetworkHeader, Offset: h.offset, Len: h.len})
		if f.Bits > 0 {
			l.add(&expr.Bitwise{SourceRegister: r, DestRegister: r, Len: h.len, Mask: f.Mask().AsSlice(), Xor: make([]byte, h.len)})
		}
		return word + int(h.len)/4
	}
	ct := func(key expr.CtKey) { l.add(&expr.Ct{Key: key, Register: r, Direction: expr.CtDirOriginal}) }
	turn := func() {
		if big {
			l.add(&expr.Byteorder{SourceRegister: r, DestRegister: r, Op: expr.ByteorderHton, Len: 4, Size: 4})
		}
	}
	switch f.Kind {
	case nft.Priority:
		l.add(&expr.Meta{Key: expr.MetaKeyPRIORITY, Register: r})
	case nft.IIfName:
		l.add(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: r})
		return word + 4
	case nft.OIfName:
		l.add(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: r})
		return word + 4
	case nft.L4Proto:
		l.add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: r})
	case nft.Sport:
		l.add(&expr.Payload{DestRegister: r, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 2})
	case nft.Dport:
		l.add(&expr.Payload{DestRegister: r, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2})
	case nft.CtIPSaddr:
		ct(expr.CtKeySRCIP)
	case nft.CtIP6Saddr:
		ct(expr.CtKeySRCIP6)
		return word + 4
	case nft.CtIPDaddr:
		ct(expr.CtKeyDSTIP)
	case nft.CtIP6Daddr:
		ct(expr.CtKeyDSTIP6)
		return word + 4
	case nft.CtDport:
		ct(expr.CtKeyPROTODST)
	case nft.PacketMark, nft.FlowMark:
		l.loadMark(f.Kind, r)
		if f.And != 0 {
			l.maskMark(r, f.And, 0)
		}
		turn()
	case nft.NumgenInc:
		l.add(&expr.Numgen{Register: r, Modulus: f.Mod, Type: unix.NFT_NG_INCREMENTAL, Offset: f.Base})
		turn()
	case nft.NumgenRandom:
		l.add(&expr.Numgen{Register: r, Modulus: f.Mod, Type: unix.NFT_NG_RANDOM})
		turn()
	case nft.JHash:
		to := behind
		for _, of := range f.Of {
			to = l.loadOne(of, to, 0, false)
		}
		l.add(&expr.Hash{SourceRegister: reg(behind), DestRegister: r, Length: uint32(to-behind) * 4,
			Modulus: f.Mod, Seed: f.Seed, Type: expr.HashTypeJenkins})
		turn()
	default:
		panic(fmt.Sprintf("wire: no encoding for field %q", f))
	}
	return word + 1
}
