package wire

import (
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a counter (enum nft_counter_attributes) are counterBytes and counterPackets,
// those of the expression of that name.
var counterCodec = objectCodec{
	option: "CONFIG_NF_TABLES",
	encode: func(b []byte, o nft.Object) []byte {
		c := o.(nft.NamedCounter)
		b = nfnl.AppendU64(b, counterBytes, c.Bytes)
		return nfnl.AppendU64(b, counterPackets, c.Packets)
	},
	decode: func(name, comment string, data []byte) (nft.Object, bool) {
		c, ours := nft.NamedCounter{Name: name, Comment: comment}, true
		for a := (nfnl.Attrs{Rest: data}); a.Next(); {
			switch a.Type {
			case counterBytes:
				c.Bytes = a.U64()
			case counterPackets:
				c.Packets = a.U64()
			default:
				ours = ours && a.Type == counterPad
			}
		}
		return c, ours
	},
}

// counterPad is NFTA_COUNTER_PAD: nothing.
const counterPad = 3
