package wire

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
)

// lowering turns a rule's statements into the kernel's expressions, with the same
// registers that nft chooses, so that a table loaded by `nft -f` is the same table.
type lowering struct {
	out     []any          // expr.Any of the library, or our own
	anon    [][]inet.Proto // contents of the anonymous sets, in the order of their use
	guarded inet.Family    // the family that an earlier expression made sure of
	ranges  func(set string) bool
}

// lower returns the expressions of a rule and the anonymous sets that they use. An
// anonymous set is named "__set%d" until the kernel has one.
func lower(r nft.Rule, interval func(set string) bool) ([]any, [][]inet.Proto) {
	l := lowering{ranges: interval}
	for _, s := range r.Stmts {
		l.stmt(s)
	}
	return l.out, l.anon
}

func (l *lowering) add(es ...any) { l.out = append(l.out, es...) }

func (l *lowering) cmp(op expr.CmpOp, data ...byte) {
	l.add(&expr.Cmp{Op: op, Register: dataReg, Data: data})
}

func (l *lowering) bits(key expr.CtKey, mask uint32, op expr.CmpOp) {
	m := binary.NativeEndian.AppendUint32(nil, mask)
	zero := make([]byte, 4)
	l.add(&expr.Ct{Key: key, Register: dataReg},
		&expr.Bitwise{SourceRegister: dataReg, DestRegister: dataReg, Len: 4, Mask: m, Xor: zero})
	l.cmp(op, zero...)
}

func (l *lowering) stmt(s nft.Stmt) {
	switch s := s.(type) {
	case nft.L4Is:
		l.add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: dataReg})
		if len(s.Protos) == 1 {
			l.cmp(expr.CmpOpEq, byte(s.Protos[0]))
			break
		}
		l.anon = append(l.anon, s.Protos)
		l.add(&expr.Lookup{SourceRegister: dataReg, SetName: anonName})
	case nft.FamilyIs:
		l.guard(s.Family)
	case nft.SetMark:
		l.setMark(s)
	case nft.DportIs:
		l.loadOne(nft.F(nft.Dport), 0, 0, false)
		l.cmp(expr.CmpOpEq, byte(s.Port>>8), byte(s.Port))
	case nft.CtNew:
		l.bits(expr.CtKeySTATE, expr.CtStateBitNEW, expr.CmpOpNeq)
	case nft.CtEstablished:
		l.bits(expr.CtKeySTATE, expr.CtStateBitESTABLISHED, expr.CmpOpNeq)
	case nft.CtOriginal:
		l.add(&expr.Ct{Key: expr.CtKeyDIRECTION, Register: dataReg})
		l.cmp(expr.CmpOpEq, expr.CtDirOriginal)
	case nft.CtInvalid:
		l.bits(expr.CtKeySTATE, expr.CtStateBitINVALID, expr.CmpOpNeq)
	case nft.Counter:
		l.add(&expr.Counter{})
	case nft.CtStatus:
		op := expr.CmpOpNeq
		if s.Not {
			op = expr.CmpOpEq
		}
		l.bits(expr.CtKeySTATUS, uint32(s.Bit), op)
	case nft.FromSelf:
		l.add(&expr.Meta{Key: expr.MetaKeyIIF, Register: dataReg})
		l.cmp(expr.CmpOpEq, 0, 0, 0, 0)
	case nft.PriorityIs:
		l.add(&expr.Meta{Key: expr.MetaKeyPRIORITY, Register: dataReg})
		l.cmp(expr.CmpOpEq, binary.NativeEndian.AppendUint32(nil, s.Priority)...)
	case nft.OIfIs:
		l.ifname(expr.MetaKeyOIFNAME, s.Name)
	case nft.OIfIn:
		l.add(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: dataReg}, &expr.Lookup{SourceRegister: dataReg, SetName: s.Set})
	case nft.IIfIs:
		l.ifname(expr.MetaKeyIIFNAME, s.Name)
	case nft.IIfIn:
		l.add(&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: dataReg}, &expr.Lookup{SourceRegister: dataReg, SetName: s.Set})
	case nft.Update:
		l.update(s)
	case nft.CountOver:
		l.meter(s.Set, s.Key, nil, &expr.Connlimit{Count: s.Over, Flags: expr.NFT_CONNLIMIT_F_INV})
	case nft.RateOver:
		l.rateOver(s)
	case nft.Hold:
		l.meter(s.Set, s.Key, &s.Timeout, nil)
	case nft.SetPriority:
		l.load(s.Key, 0, l.ranges(s.Map))
		l.add(&expr.Lookup{SourceRegister: dataReg, SetName: s.Map, IsDestRegSet: true, DestRegister: dataReg})
		l.add(&expr.Meta{Key: expr.MetaKeyPRIORITY, SourceRegister: true, Register: dataReg})
	case nft.ClearPriority:
		l.add(&expr.Immediate{Register: dataReg, Data: make([]byte, 4)})
		l.add(&expr.Meta{Key: expr.MetaKeyPRIORITY, SourceRegister: true, Register: dataReg})
	case nft.InSet:
		l.loadKey(s.Key, l.ranges(s.Set))
		l.add(&expr.Lookup{SourceRegister: dataReg, SetName: s.Set})
	case nft.Vmap:
		l.load(s.Key, 0, l.ranges(s.Map))
		l.add(&expr.Lookup{SourceRegister: dataReg, SetName: s.Map, IsDestRegSet: true, DestRegister: verdictReg})
	case nft.NAT:
		l.nat(s)
	case nft.Masq:
		l.add(&expr.Masq{})
	case nft.RejectTCPReset:
		l.add(&expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	case nft.RejectPortUnreachable:
		l.add(&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH})
	case nft.FlowAdd:
		l.add(&expr.FlowOffload{Name: s.Flowtable})
	case nft.Use:
		l.add(objref{object: s.Object})
	case nft.UseBy:
		l.load(s.Key, 0, l.ranges(s.Map))
		l.add(objref{set: s.Map})
	case nft.TCPOpens, nft.LowerMSS:
		l.segment(s)
	case nft.TCPSyn, nft.CtStray, nft.NoTrack, nft.AnswerSyn:
		l.synProxy(s)
	case nft.Give:
		l.add(&expr.Verdict{Kind: verdictKinds[s.Verdict.Kind], Chain: s.Verdict.Chain})
	default:
		panic(fmt.Sprintf("wire: no encoding for %T", s))
	}
}

func (l *lowering) ifname(key expr.MetaKey, pattern string) {
	l.add(&expr.Meta{Key: key, Register: dataReg})
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, pattern)
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		name = []byte(prefix)
	}
	l.cmp(expr.CmpOpEq, name...)
}

// update loads the key from the first register on and the data behind it, into the next
// whole register; what keys are hashed from passes through there before.
func (l *lowering) update(s nft.Update) {
	l.guards(s.Key)
	l.guards(s.Data)
	behind := 0
	for _, f := range s.Key {
		behind += words(f)
	}
	behind = (behind + 3) &^ 3
	word := 0
	for _, f := range s.Key {
		word = l.loadOne(f, word, behind, false)
	}
	word = behind
	for _, f := range s.Data {
		word = l.loadOne(f, word, 0, false)
	}
	l.add(&expr.Dynset{SrcRegKey: dataReg, SrcRegData: reg(behind), SetName: s.Map,
		Operation: uint32(unix.NFT_DYNSET_OP_UPDATE), Timeout: s.Timeout})
}

func (l *lowering) nat(s nft.NAT) {
	l.load(s.Key, 0, l.ranges(s.Map))
	l.add(&expr.Lookup{SourceRegister: dataReg, SetName: s.Map, IsDestRegSet: true, DestRegister: dataReg})
	n := &expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(nfprotoOf(s.Family())), RegAddrMin: dataReg,
		FullyRandom: s.Random, Persistent: s.Persistent, Prefix: s.Prefix}
	if s.Source {
		n.Type = expr.NATTypeSourceNAT
	}
	// The map's data lies in consecutive words: address, port, last address, last port.
	addr := 1
	if s.Family() == inet.V6 {
		addr = 4
	}
	word := addr
	if len(s.Data.Members()) == 2 {
		n.RegProtoMin = reg(word)
		word++
	}
	if s.Data.IsInterval() {
		n.RegAddrMax = reg(word)
		if n.RegProtoMin != 0 {
			n.RegProtoMax = reg(word + addr)
		}
	}
	if !s.Ports.IsZero() {
		n.RegProtoMin, n.Specified = reg(4), true
		l.add(&expr.Immediate{Register: n.RegProtoMin, Data: binary.BigEndian.AppendUint16(nil, s.Ports.First)})
		if !s.Ports.Single() {
			n.RegProtoMax = reg(8)
			l.add(&expr.Immediate{Register: n.RegProtoMax, Data: binary.BigEndian.AppendUint16(nil, s.Ports.Last)})
		}
	}
	l.add(n)
}
