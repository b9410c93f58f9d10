package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a limit (enum nft_limit_attributes).
const (
	limitRate  = unix.NFTA_LIMIT_RATE  // u64: packets or bytes a unit
	limitUnit  = unix.NFTA_LIMIT_UNIT  // u64: seconds
	limitBurst = unix.NFTA_LIMIT_BURST // u32: packets or bytes beyond the rate
	limitType  = unix.NFTA_LIMIT_TYPE  // u32: NFT_LIMIT_PKTS or NFT_LIMIT_PKT_BYTES
	limitFlags = unix.NFTA_LIMIT_FLAGS // u32: NFT_LIMIT_F_*
	limitPad   = unix.NFTA_LIMIT_PAD   // nothing

	limitOver = 1 // NFT_LIMIT_F_INV, a flag: it matches what exceeds the rate
)

var limitCodec = objectCodec{
	option: "CONFIG_NFT_LIMIT",
	encode: func(b []byte, o nft.Object) []byte {
		l := o.(nft.Limit)
		typ, flags, burst := uint32(unix.NFT_LIMIT_PKTS), uint32(0), l.Burst
		switch {
		case l.Bytes:
			typ = unix.NFT_LIMIT_PKT_BYTES
		case burst == 0:
			burst = nft.DefaultBurst
		}
		if l.Over {
			flags = limitOver
		}
		b = nfnl.AppendU64(b, limitRate, l.Rate)
		b = nfnl.AppendU64(b, limitUnit, uint64(l.Unit))
		b = nfnl.AppendU32(b, limitBurst, burst)
		b = nfnl.AppendU32(b, limitType, typ)
		return nfnl.AppendU32(b, limitFlags, flags)
	},
	decode: func(name, comment string, data []byte) (nft.Object, bool) {
		l, ours := nft.Limit{Name: name, Comment: comment}, true
		for a := (nfnl.Attrs{Rest: data}); a.Next(); {
			switch a.Type {
			case limitRate:
				l.Rate = a.U64()
			case limitUnit:
				l.Unit = nft.RateUnit(a.U64())
			case limitBurst:
				l.Burst = a.U32()
			case limitType:
				l.Bytes = a.U32() == unix.NFT_LIMIT_PKT_BYTES
				ours = ours && a.U32() <= unix.NFT_LIMIT_PKT_BYTES
			case limitFlags:
				l.Over = a.U32() == limitOver
				ours = ours && a.U32() <= limitOver
			default:
				ours = ours && a.Type == limitPad
			}
		}
		return l, ours && l.Unit.Known()
	},
}
