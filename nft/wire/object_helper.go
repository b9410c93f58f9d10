package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a helper (enum nft_ct_helper_attributes).
const (
	helperName    = unix.NFTA_CT_HELPER_NAME    // string: the helper's own name
	helperL3Proto = unix.NFTA_CT_HELPER_L3PROTO // u16: NFPROTO_*, of the flows
	helperL4Proto = unix.NFTA_CT_HELPER_L4PROTO // u8: protocol of the flows
)

var ctHelperCodec = objectCodec{
	option: "CONFIG_NFT_CT, and that of the helper",
	encode: func(b []byte, o nft.Object) []byte {
		h := o.(nft.CtHelper)
		b = nfnl.AppendString(b, helperName, h.Helper)
		b = nfnl.AppendU16(b, helperL3Proto, uint16(l3proto(h.Family)))
		return nfnl.AppendU8(b, helperL4Proto, uint8(h.Proto))
	},
	decode: func(name, comment string, data []byte) (nft.Object, bool) {
		h, ours := nft.CtHelper{Name: name, Comment: comment}, true
		for a := (nfnl.Attrs{Rest: data}); a.Next(); {
			switch a.Type {
			case helperName:
				h.Helper = a.Str()
			case helperL3Proto:
				var known bool
				h.Family, known = familyOf(a.U16())
				ours = ours && known
			case helperL4Proto:
				h.Proto = inet.Proto(a.U8())
			default:
				ours = false
			}
		}
		return h, ours && h.Helper != ""
	},
}

// l3proto returns the kernel's number for the families of an object's flows.
func l3proto(f inet.Family) byte {
	if f == 0 {
		return unix.NFPROTO_INET
	}
	return nfprotoOf(f)
}

// familyOf is the other way; false for families that no object of ours is for.
func familyOf(l3proto uint16) (inet.Family, bool) {
	switch l3proto {
	case unix.NFPROTO_INET:
		return 0, true
	case unix.NFPROTO_IPV4:
		return inet.V4, true
	case unix.NFPROTO_IPV6:
		return inet.V6, true
	}
	return 0, false
}
