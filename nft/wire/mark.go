package wire

import (
	"encoding/binary"

	"github.com/google/nftables/expr"

	"github.com/snatctl/snatctl/nft"
)

// loadMark loads the packet's or the flow's mark, in host byte order.
func (l *lowering) loadMark(of nft.FieldKind, r uint32) {
	if of == nft.FlowMark {
		l.add(&expr.Ct{Key: expr.CtKeyMARK, Register: r})
		return
	}
	l.add(&expr.Meta{Key: expr.MetaKeyMARK, Register: r})
}

// maskMark keeps some bits of a mark and sets others.
func (l *lowering) maskMark(r, keep, value uint32) {
	word := func(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }
	l.add(&expr.Bitwise{SourceRegister: r, DestRegister: r, Len: 4, Mask: word(keep), Xor: word(value)})
}

// setMark changes a mark. What is not kept is a number that no bit of the old one is part of.
func (l *lowering) setMark(s nft.SetMark) {
	if s.Keep == 0 {
		l.add(&expr.Immediate{Register: dataReg, Data: binary.NativeEndian.AppendUint32(nil, s.Value)})
	} else {
		l.loadMark(s.Of, dataReg)
		l.maskMark(dataReg, s.Keep, s.Value)
	}
	if s.Of == nft.FlowMark {
		l.add(&expr.Ct{Key: expr.CtKeyMARK, Register: dataReg, SourceRegister: true})
		return
	}
	l.add(&expr.Meta{Key: expr.MetaKeyMARK, Register: dataReg, SourceRegister: true})
}
