package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a table (enum nft_table_attributes).
const (
	tableName     = unix.NFTA_TABLE_NAME  // string
	tableFlags    = unix.NFTA_TABLE_FLAGS // u32: NFT_TABLE_F_*
	tableUserdata = 6                     // NFTA_TABLE_USERDATA, bytes that the kernel keeps for nft: the comment (Linux 5.10)
	tableOwner    = 7                     // NFTA_TABLE_OWNER, u32: netlink port of the process that alone may change it (Linux 5.12)

	tableDormant = 1 // NFT_TABLE_F_DORMANT, a flag: base chains are checked and registered nowhere
)

// tableAttr is the name of the table in messages of all kinds: NFTA_TABLE_NAME,
// NFTA_SET_TABLE, NFTA_CHAIN_TABLE and the like are one number.
const tableAttr = tableName

// Head is what a table says of itself.
type Head struct {
	Comment string
	Owner   uint32 // netlink port of the process that alone may change it (flag owner); 0: anybody may
	Dormant bool   // its base chains are registered nowhere
}

// DecodeHead reads a table's message.
func DecodeHead(b []byte) (h Head) {
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case tableFlags:
			h.Dormant = a.U32()&tableDormant != 0
		case tableUserdata:
			h.Comment = Comment(a.Val)
		case tableOwner:
			h.Owner = a.U32()
		}
	}
	return h
}

// OfTable returns the attributes of a request about what a table holds, or itself.
func OfTable(table string) []byte { return nfnl.AppendString(nil, tableAttr, table) }

// TableOf returns the name of the table that a message is about: older kernels answer with what
// all tables hold.
func TableOf(b []byte) string { return nameOf(b, tableAttr) }

// nameOf returns the name that attributes hold.
func nameOf(list []byte, typ uint16) string {
	name := nfnl.Attrs{Val: nfnl.Find(list, typ)}
	return name.Str()
}

// DecodeGeneration reads the number of a generation (enum nft_gen_attributes: NFTA_GEN_ID, u32).
func DecodeGeneration(b []byte) uint32 {
	return (&nfnl.Attrs{Val: nfnl.Find(b, unix.NFTA_GEN_ID)}).U32()
}

// wholeTable adds what a plan does to the table itself.
func (t *Batch) wholeTable(p nft.Plan) {
	if p.Whole == nft.Replace {
		t.start(unix.NFT_MSG_DELTABLE, 0, origin{})
		t.end()
	}
	if p.Whole == nft.Keep {
		return
	}
	t.start(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, origin{})
	t.b = nfnl.AppendU32(t.b, tableFlags, 0)
	if comment := p.Want.Ruleset().Comment; comment != "" && p.Whole != nft.Wake {
		t.b = nfnl.AppendAttr(t.b, tableUserdata, commentUserdata(comment))
	}
	t.end()
}
