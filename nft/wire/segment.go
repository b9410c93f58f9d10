package wire

import (
	"github.com/google/nftables/expr"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// The option that says how large segments one takes (RFC 9293, 3.2): its kind, and where its value stands.
const (
	optMaxSeg   = 2
	optMaxSegAt = 2
	optMaxSegOf = 2 // bytes
)

// segment encodes what is about the size of segments.
func (l *lowering) segment(s nft.Stmt) {
	switch s := s.(type) {
	case nft.TCPOpens:
		l.stmt(nft.L4Is{Protos: []inet.Proto{inet.TCP}}) // nft adds it, too
		l.add(&expr.Payload{DestRegister: dataReg, Base: expr.PayloadBaseTransportHeader, Offset: tcpFlagsAt, Len: 1},
			&expr.Bitwise{SourceRegister: dataReg, DestRegister: dataReg, Len: 1, Mask: []byte{tcpSyn | tcpRst}, Xor: []byte{0}})
		l.cmp(expr.CmpOpEq, tcpSyn)
	case nft.LowerMSS:
		if s.To == 0 {
			l.add(&expr.Rt{Register: dataReg, Key: expr.RtTCPMSS}, &expr.Byteorder{SourceRegister: dataReg, DestRegister: dataReg, Op: expr.ByteorderHton, Len: 2, Size: 2})
		} else {
			l.add(&expr.Immediate{Register: dataReg, Data: []byte{byte(s.To >> 8), byte(s.To)}})
		}
		l.add(&expr.Exthdr{SourceRegister: dataReg, Type: optMaxSeg, Offset: optMaxSegAt, Len: optMaxSegOf, Op: expr.ExthdrOpTcpopt})
	}
}
