package wire

import (
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of the expression `objref` (enum nft_objref_attributes): one object, or the one
// that a map gives.
const (
	objrefType  = unix.NFTA_OBJREF_IMM_TYPE // u32: kind of the object, NFT_OBJECT_*
	objrefName  = unix.NFTA_OBJREF_IMM_NAME // string: its name
	objrefSreg  = unix.NFTA_OBJREF_SET_SREG // register: holds the key
	objrefSet   = unix.NFTA_OBJREF_SET_NAME // string: the map that it is looked up in
	objrefSetID = unix.NFTA_OBJREF_SET_ID   // u32: setID, where the transaction makes the map
)

// objref hands packets to an object. The library's cannot name a map.
type objref struct {
	object nft.Ref
	set    string // the map that gives the object, by the key in dataReg; empty: object is it
}

func (e objref) appendTo(b []byte) []byte {
	b, at := nfnl.OpenNest(b, listElem)
	b = nfnl.AppendString(b, exprName, "objref")
	b, data := nfnl.OpenNest(b, exprData)
	if e.set != "" {
		b = nfnl.AppendU32(b, objrefSreg, dataReg)
		b = nfnl.AppendString(b, objrefSet, e.set)
	} else {
		b = nfnl.AppendU32(b, objrefType, uint32(e.object.Kind))
		b = nfnl.AppendString(b, objrefName, e.object.Name)
	}
	nfnl.CloseNest(b, data)
	nfnl.CloseNest(b, at)
	return b
}
