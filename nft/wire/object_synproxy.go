package wire

import (
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a SYN proxy (enum nft_synproxy_attributes), and its flags
// (include/uapi/linux/netfilter/nf_synproxy.h, NF_SYNPROXY_OPT_*).
const (
	synproxyMSS    = 1 // NFTA_SYNPROXY_MSS, u16: bytes
	synproxyWScale = 2 // NFTA_SYNPROXY_WSCALE, u8
	synproxyFlags  = 3 // NFTA_SYNPROXY_FLAGS, u32: which options it offers

	synproxyOptMSS       = 0x01
	synproxyOptWScale    = 0x02
	synproxyOptSackPerm  = 0x04
	synproxyOptTimestamp = 0x08
)

var synProxyCodec = objectCodec{
	option: "CONFIG_NFT_SYNPROXY",
	encode: func(b []byte, o nft.Object) []byte {
		s := o.(nft.SynProxy)
		flags := uint32(synproxyOptMSS | synproxyOptWScale)
		if s.SackPerm {
			flags |= synproxyOptSackPerm
		}
		if s.Timestamp {
			flags |= synproxyOptTimestamp
		}
		b = nfnl.AppendU16(b, synproxyMSS, s.MSS)
		b = nfnl.AppendU8(b, synproxyWScale, s.WScale)
		return nfnl.AppendU32(b, synproxyFlags, flags)
	},
	decode: func(name, comment string, data []byte) (nft.Object, bool) {
		s, ours := nft.SynProxy{Name: name, Comment: comment}, true
		var flags uint32
		for a := (nfnl.Attrs{Rest: data}); a.Next(); {
			switch a.Type {
			case synproxyMSS:
				s.MSS = a.U16()
			case synproxyWScale:
				s.WScale = a.U8()
			case synproxyFlags:
				flags = a.U32()
			default:
				ours = false
			}
		}
		s.SackPerm, s.Timestamp = flags&synproxyOptSackPerm != 0, flags&synproxyOptTimestamp != 0
		return s, ours && flags&^(synproxyOptSackPerm|synproxyOptTimestamp) == synproxyOptMSS|synproxyOptWScale
	},
}
