package wire

import (
	"time"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of timeouts (enum nft_ct_timeout_timeout_attributes).
const (
	timeoutL3Proto = 1 // NFTA_CT_TIMEOUT_L3PROTO, u16: NFPROTO_*, of the flows
	timeoutL4Proto = 2 // NFTA_CT_TIMEOUT_L4PROTO, u8: protocol of the flows
	timeoutData    = 3 // NFTA_CT_TIMEOUT_DATA, list: a u32 of seconds for each state, numbered from 1
	// (include/uapi/linux/netfilter/nfnetlink_cttimeout.h, CTA_TIMEOUT_TCP_* and CTA_TIMEOUT_UDP_*)
)

var ctTimeoutCodec = objectCodec{
	option: "CONFIG_NFT_CT and CONFIG_NF_CONNTRACK_TIMEOUT",
	encode: func(b []byte, o nft.Object) []byte {
		c := o.(nft.CtTimeout)
		b = nfnl.AppendU16(b, timeoutL3Proto, uint16(l3proto(c.Family)))
		b = nfnl.AppendU8(b, timeoutL4Proto, uint8(c.Proto))
		b, at := nfnl.OpenNest(b, timeoutData)
		for i, d := range c.After[:nft.TimeoutStates(c.Proto)] {
			b = nfnl.AppendU32(b, uint16(i+1), uint32(d/time.Second))
		}
		nfnl.CloseNest(b, at)
		return b
	},
	decode: func(name, comment string, data []byte) (nft.Object, bool) {
		c, ours := nft.CtTimeout{Name: name, Comment: comment}, true
		var states []byte
		for a := (nfnl.Attrs{Rest: data}); a.Next(); {
			switch a.Type {
			case timeoutL3Proto:
				var known bool
				c.Family, known = familyOf(a.U16())
				ours = ours && known
			case timeoutL4Proto:
				c.Proto = inet.Proto(a.U8())
			case timeoutData:
				states = a.Val
			default:
				ours = false
			}
		}
		n := nft.TimeoutStates(c.Proto)
		for a := (nfnl.Attrs{Rest: states}); a.Next(); {
			if a.Type == 0 || int(a.Type) > n {
				return nil, false
			}
			c.After[a.Type-1] = time.Duration(a.U32()) * time.Second
		}
		return c, ours && n > 0
	},
}
