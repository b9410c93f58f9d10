package wire

import (
	"github.com/google/nftables/expr"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// Flags of TCP, in the byte at tcpFlagsAt of its header (RFC 9293, section 3.1).
const (
	tcpFlagsAt = 13
	tcpFin     = 0x01
	tcpSyn     = 0x02
	tcpRst     = 0x04
	tcpAck     = 0x10
)

// ctStateUntracked is the state of packets that passed conntrack by: NF_CT_STATE_UNTRACKED_BIT
// (include/uapi/linux/netfilter/nf_conntrack_common.h).
const ctStateUntracked = 1 << 6

// synProxy adds a statement of SYN proxies.
func (l *lowering) synProxy(s nft.Stmt) {
	switch s := s.(type) {
	case nft.TCPSyn:
		l.stmt(nft.L4Is{Protos: []inet.Proto{inet.TCP}}) // nft adds it, too
		l.add(&expr.Payload{DestRegister: dataReg, Base: expr.PayloadBaseTransportHeader, Offset: tcpFlagsAt, Len: 1},
			&expr.Bitwise{SourceRegister: dataReg, DestRegister: dataReg, Len: 1, Mask: []byte{tcpFin | tcpSyn | tcpRst | tcpAck}, Xor: []byte{0}})
		l.cmp(expr.CmpOpEq, tcpSyn)
	case nft.CtStray:
		l.bits(expr.CtKeySTATE, expr.CtStateBitINVALID|ctStateUntracked, expr.CmpOpNeq)
	case nft.NoTrack:
		l.add(&expr.Notrack{})
	case nft.AnswerSyn:
		l.add(&expr.SynProxy{Mss: s.Offer.MSS, Wscale: s.Offer.WScale, MssValueSet: true, WscaleValueSet: true,
			Timestamp: s.Offer.Timestamp, SackPerm: s.Offer.SackPerm})
	}
}
