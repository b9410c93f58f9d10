package nftlink

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
	out     []expr.Any
	anon    [][]inet.Proto // contents of the anonymous sets, in the order of their use
	guarded inet.Family    // the family that an earlier expression made sure of
	ranges  func(set string) bool
}

// lower returns the expressions of a rule and the anonymous sets that they use. An
// anonymous set is named by anonName until the kernel has one.
func lower(r nft.Rule, interval func(set string) bool) ([]expr.Any, [][]inet.Proto) {
	l := lowering{ranges: interval}
	for _, s := range r.Stmts {
		l.stmt(s)
	}
	return l.out, l.anon
}

// anonName is the name under which anonymous sets are created (nf_tables_set_alloc_name).
const anonName = "__set%d"

// verdictReg is the register that holds verdicts; dataReg is the first for data.
const (
	verdictReg = unix.NFT_REG_VERDICT
	dataReg    = unix.NFT_REG_1
)

// reg returns the number of the register that starts at the given 32-bit word. nft calls
// whole 128-bit registers by their short numbers.
func reg(word int) uint32 {
	if word%4 == 0 {
		return uint32(unix.NFT_REG_1 + word/4)
	}
	return uint32(unix.NFT_REG32_00 + word)
}

func (l *lowering) add(es ...expr.Any) { l.out = append(l.out, es...) }

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
	case nft.DportIs:
		l.loadOne(nft.F(nft.Dport), 0, 0, false)
		l.cmp(expr.CmpOpEq, byte(s.Port>>8), byte(s.Port))
	case nft.CtNew:
		l.bits(expr.CtKeySTATE, expr.CtStateBitNEW, expr.CmpOpNeq)
	case nft.CtEstablished:
		l.bits(expr.CtKeySTATE, expr.CtStateBitESTABLISHED, expr.CmpOpNeq)
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
	case nft.InSet:
		l.load(s.Key, 0, l.ranges(s.Set))
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
	case nft.Give:
		l.add(&expr.Verdict{Kind: verdictKinds[s.Verdict.Kind], Chain: s.Verdict.Chain})
	default:
		panic(fmt.Sprintf("nftlink: no encoding for %T", s))
	}
}

var verdictKinds = map[nft.VerdictKind]expr.VerdictKind{
	nft.Accept: expr.VerdictAccept, nft.Drop: expr.VerdictDrop, nft.Jump: expr.VerdictJump,
	nft.Goto: expr.VerdictGoto, nft.Return: expr.VerdictReturn,
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

// guard makes sure of the family before its header is read: a table of family inet sees both.
func (l *lowering) guard(f inet.Family) {
	if l.guarded == f {
		return
	}
	l.guarded = f
	l.add(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: dataReg})
	l.cmp(expr.CmpOpEq, nfprotoOf(f))
}

// headers are the fields of the IP headers (RFC 791, RFC 8200), offset and size in bytes.
var headers = map[nft.FieldKind]struct {
	family      inet.Family
	offset, len uint32
}{
	nft.IPSaddr: {inet.V4, 12, 4}, nft.IPDaddr: {inet.V4, 16, 4},
	nft.IP6Saddr: {inet.V6, 8, 16}, nft.IP6Daddr: {inet.V6, 24, 16},
}

// load loads fields into consecutive registers from the given word on. For keys of
// interval sets, which compare as big-endian numbers, it turns what is in host byte order.
func (l *lowering) load(fields []nft.Field, word int, big bool) int {
	l.guards(fields)
	behind := 0 // where what is loaded on the way may go
	if len(fields) > 1 {
		behind = word
		for _, f := range fields {
			behind += words(f)
		}
	}
	for _, f := range fields {
		word = l.loadOne(f, word, behind+4, big && len(fields) > 1)
	}
	return word
}

func (l *lowering) guards(fields []nft.Field) {
	for _, f := range fields {
		if h, ok := headers[f.Kind]; ok {
			l.guard(h.family)
		}
		l.guards(f.Of)
	}
}

// words returns how many 32-bit words a field fills.
func words(f nft.Field) int {
	switch f.Kind {
	case nft.IP6Saddr, nft.IP6Daddr, nft.CtIP6Daddr:
		return 4
	}
	return 1
}

// loadOne loads a field into the registers from word on; the input of a hash goes to those
// from behind on.
func (l *lowering) loadOne(f nft.Field, word, behind int, big bool) int {
	r := reg(word)
	if h, ok := headers[f.Kind]; ok {
		l.add(&expr.Payload{DestRegister: r, Base: expr.PayloadBaseNetworkHeader, Offset: h.offset, Len: h.len})
		if f.Bits > 0 {
			l.add(&expr.Bitwise{SourceRegister: r, DestRegister: r, Len: h.len, Mask: f.Mask().AsSlice(), Xor: make([]byte, h.len)})
		}
		return word + int(h.len)/4
	}
	ct := func(key expr.CtKey) { l.add(&expr.Ct{Key: key, Register: r, Direction: expr.CtDirOriginal}) }
	turn := func() {
		if big {
			l.add(&expr.Byteorder{SourceRegister: r, DestRegister: r, Op: expr.ByteorderHton, Len: 4, Size: 4})
		}
	}
	switch f.Kind {
	case nft.L4Proto:
		l.add(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: r})
	case nft.Sport:
		l.add(&expr.Payload{DestRegister: r, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 2})
	case nft.Dport:
		l.add(&expr.Payload{DestRegister: r, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2})
	case nft.CtIPDaddr:
		ct(expr.CtKeyDSTIP)
	case nft.CtIP6Daddr:
		ct(expr.CtKeyDSTIP6)
		return word + 4
	case nft.CtDport:
		ct(expr.CtKeyPROTODST)
	case nft.NumgenInc:
		l.add(&expr.Numgen{Register: r, Modulus: f.Mod, Type: unix.NFT_NG_INCREMENTAL})
		turn()
	case nft.NumgenRandom:
		l.add(&expr.Numgen{Register: r, Modulus: f.Mod, Type: unix.NFT_NG_RANDOM})
		turn()
	case nft.JHash:
		to := behind
		for _, of := range f.Of {
			to = l.loadOne(of, to, 0, false)
		}
		l.add(&expr.Hash{SourceRegister: reg(behind), DestRegister: r, Length: uint32(to-behind) * 4,
			Modulus: f.Mod, Seed: f.Seed, Type: expr.HashTypeJenkins})
		turn()
	default:
		panic(fmt.Sprintf("nftlink: no encoding for field %q", f))
	}
	return word + 1
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
