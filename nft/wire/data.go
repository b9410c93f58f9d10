package wire

import (
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// listElem is NFTA_LIST_ELEM: one of a list (enum nft_list_attributes).
const listElem = unix.NFTA_LIST_ELEM

// Attributes of data (enum nft_data_attributes), one of both, and of a verdict (enum
// nft_verdict_attributes).
const (
	dataValue   = unix.NFTA_DATA_VALUE   // bytes: what a register or element holds
	dataVerdict = unix.NFTA_DATA_VERDICT // list: a verdict

	verdictCode  = unix.NFTA_VERDICT_CODE  // s32: NF_ACCEPT, NF_DROP (netfilter.h) or below zero NFT_JUMP and the like
	verdictChain = unix.NFTA_VERDICT_CHAIN // string: where NFT_JUMP and NFT_GOTO lead
)

var verdictKinds = map[nft.VerdictKind]expr.VerdictKind{
	nft.Accept: expr.VerdictAccept, nft.Drop: expr.VerdictDrop, nft.Jump: expr.VerdictJump,
	nft.Goto: expr.VerdictGoto, nft.Return: expr.VerdictReturn,
}

// appendValue appends an attribute that holds a value.
func appendValue(b []byte, typ uint16, value string) []byte {
	b, at := nfnl.OpenNest(b, typ)
	b = nfnl.AppendAttr(b, dataValue, value)
	nfnl.CloseNest(b, at)
	return b
}

// appendVerdict appends an attribute that holds a verdict.
func appendVerdict(b []byte, typ uint16, v nft.Verdict) []byte {
	b, data := nfnl.OpenNest(b, typ)
	b, at := nfnl.OpenNest(b, dataVerdict)
	b = nfnl.AppendU32(b, verdictCode, uint32(verdictKinds[v.Kind]))
	if v.Chain != "" {
		b = nfnl.AppendString(b, verdictChain, v.Chain)
	}
	nfnl.CloseNest(b, at)
	nfnl.CloseNest(b, data)
	return b
}
