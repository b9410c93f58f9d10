package nftlink

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// batch is one transaction in one buffer, as it goes to the kernel: BATCH_BEGIN, messages,
// BATCH_END. It remembers which message does what, so that an error finds its object.
type batch struct {
	b     []byte
	seq   uint32 // of the last message
	first uint32 // of BATCH_BEGIN
	table string
	msgs  []origin // by seq - first
	msg   int      // where the current message starts
	setID uint32
}

// origin tells what a message was made from.
type origin struct {
	at    int // of its nlmsghdr in the buffer
	op    *nft.Op
	index int    // of the first element, or of the rule, in the operation
	what  string // the object, where there is no operation
}

// chunk is how many bytes of elements go into one message: the length of a nested attribute
// has 16 bits.
const chunk = 60000

// Bytes that one element or rule takes, roughly, for the first allocation.
const elementBytes, ruleBytes = 96, 512

// encode returns the transaction that carries out a plan if the ruleset's generation is
// still gen; 0 does not look at it.
func encode(p nft.Plan, firstSeq, gen uint32) (*batch, error) {
	rules, elements := p.Counts()
	t := &batch{
		b:   make([]byte, 0, 4096+(elements.Add+elements.Delete)*elementBytes+rules.Add*ruleBytes),
		seq: firstSeq - 1, first: firstSeq, table: p.Table(),
	}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	if gen != 0 {
		t.b = nfnl.AppendU32(t.b, unix.NFNL_BATCH_GENID, gen)
	}
	t.end()
	t.wholeTable(p)
	if err := t.ops(p); err != nil {
		return nil, err
	}
	t.acknowledge()
	return t, nil
}

// ops adds all that a plan does below the table. The elements that change go away first, since
// what they refer to may be deleted; they come back where the plan has them.
func (t *batch) ops(p nft.Plan) error {
	for i := range p.Ops {
		if o := &p.Ops[i]; o.Mark == nft.Change {
			t.elementMessages(o, o.Was, unix.NFT_MSG_DELSETELEM, 0)
		}
	}
	ranges := p.Want.Ruleset().Ranges()
	for i := range p.Ops {
		if err := t.op(&p.Ops[i], ranges); err != nil {
			return err
		}
	}
	return nil
}

// acknowledge ends the transaction, asking for one acknowledgement for all of it: that of the
// last message that does something.
func (t *batch) acknowledge() {
	t.ask()
	t.begin(unix.NFNL_MSG_BATCH_END, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
}

// ask asks for an acknowledgement of the last message.
func (t *batch) ask() {
	last := t.b[t.msgs[len(t.msgs)-1].at:]
	binary.NativeEndian.PutUint16(last[6:], binary.NativeEndian.Uint16(last[6:])|unix.NLM_F_ACK)
}

func (t *batch) begin(typ, flags uint16, resID uint16, o origin) {
	t.seq++
	t.msg = len(t.b)
	o.at = t.msg
	t.msgs = append(t.msgs, o)
	family := byte(unix.NFPROTO_INET)
	if resID != 0 {
		family = unix.NFPROTO_UNSPEC
	}
	t.b = nfnl.AppendHeader(t.b, typ, unix.NLM_F_REQUEST|flags, t.seq, family, resID)
}

func (t *batch) end() { binary.NativeEndian.PutUint32(t.b[t.msg:], uint32(len(t.b)-t.msg)) }

// start starts an nftables message; the table's name stands first in all of them.
func (t *batch) start(typ, flags uint16, o origin) {
	t.begin(unix.NFNL_SUBSYS_NFTABLES<<8|typ, flags, 0, o)
	t.b = nfnl.AppendString(t.b, unix.NFTA_TABLE_NAME, t.table) // attribute 1 in every message
}

const tableUserdata = 6 // NFTA_TABLE_USERDATA, Linux 5.10

func (t *batch) wholeTable(p nft.Plan) {
	if p.Whole == nft.Replace {
		t.start(unix.NFT_MSG_DELTABLE, 0, origin{})
		t.end()
	}
	if p.Whole == nft.Keep {
		return
	}
	t.start(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, origin{})
	t.b = nfnl.AppendU32(t.b, unix.NFTA_TABLE_FLAGS, 0)
	if comment := p.Want.Ruleset().Comment; comment != "" && p.Whole != nft.Wake {
		t.b = nfnl.AppendAttr(t.b, tableUserdata, commentUserdata(comment))
	}
	t.end()
}

func (t *batch) op(o *nft.Op, interval func(string) bool) error {
	switch {
	case o.Flowtable != nil:
		t.flowtable(o)
	case o.Set != nil && o.Elements != nil:
		t.elements(o)
	case o.Set != nil && o.Mark == nft.Add:
		t.setID++
		// Without EXCL old kernels take the new declaration of a set that is there in silence and
		// keep the old one (seen on 5.10).
		t.start(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE|unix.NLM_F_EXCL, origin{op: o})
		t.b = nfnl.AppendString(t.b, unix.NFTA_SET_NAME, o.Set.Name)
		t.b = appendSet(t.b, o.Set, t.setID)
		t.end()
	case o.Set != nil:
		t.start(unix.NFT_MSG_DELSET, 0, origin{op: o})
		t.b = nfnl.AppendString(t.b, unix.NFTA_SET_NAME, o.Set.Name)
		t.end()
	case o.Rules != nil && o.Mark == nft.Add:
		for i := range o.Rules {
			if err := t.addRule(o, i, interval); err != nil {
				return err
			}
		}
	case o.Rules != nil:
		for i, r := range o.Rules {
			t.start(unix.NFT_MSG_DELRULE, 0, origin{op: o, index: i})
			t.b = nfnl.AppendString(t.b, unix.NFTA_RULE_CHAIN, o.Chain.Name)
			t.b = nfnl.AppendU64(t.b, unix.NFTA_RULE_HANDLE, r.Handle)
			t.end()
		}
	case o.Mark == nft.Add:
		t.start(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, origin{op: o})
		t.b = nfnl.AppendString(t.b, unix.NFTA_CHAIN_NAME, o.Chain.Name)
		t.b = appendHook(t.b, o.Chain.Hook)
		t.end()
	default:
		t.start(unix.NFT_MSG_DELCHAIN, 0, origin{op: o})
		t.b = nfnl.AppendString(t.b, unix.NFTA_CHAIN_NAME, o.Chain.Name)
		t.end()
	}
	return nil
}

// hookNumbers are the inet hooks (include/uapi/linux/netfilter.h).
var hookNumbers = map[string]uint32{
	"prerouting": unix.NF_INET_PRE_ROUTING, "forward": unix.NF_INET_FORWARD,
	"output": unix.NF_INET_LOCAL_OUT, "postrouting": unix.NF_INET_POST_ROUTING,
}

func appendHook(b []byte, h *nft.Hook) []byte {
	if h == nil {
		return b
	}
	b, at := nfnl.OpenNest(b, unix.NFTA_CHAIN_HOOK)
	b = nfnl.AppendU32(b, unix.NFTA_HOOK_HOOKNUM, hookNumbers[h.Point])
	b = nfnl.AppendU32(b, unix.NFTA_HOOK_PRIORITY, uint32(h.Priority))
	nfnl.CloseNest(b, at)
	b = nfnl.AppendU32(b, unix.NFTA_CHAIN_POLICY, nfAccept)
	return nfnl.AppendString(b, unix.NFTA_CHAIN_TYPE, h.Type)
}

func (t *batch) addRule(o *nft.Op, i int, interval func(string) bool) error {
	es, anon := lower(o.Rules[i], interval)
	ids := make([]uint32, len(anon))
	for n, protos := range anon {
		t.setID++
		ids[n] = t.setID
		t.addAnonymous(anonSet{t.setID, protos}, origin{op: o, index: i})
	}
	t.start(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, origin{op: o, index: i})
	t.b = nfnl.AppendString(t.b, unix.NFTA_RULE_CHAIN, o.Chain.Name)
	var at int
	var err error
	t.b, at = nfnl.OpenNest(t.b, unix.NFTA_RULE_EXPRESSIONS)
	t.b, err = appendExprs(t.b, es, func(n int) uint32 { return ids[n] })
	if err != nil {
		return fmt.Errorf("chain %s, rule %q: %w", o.Chain.Name, o.Rules[i], err)
	}
	nfnl.CloseNest(t.b, at)
	if c := o.Rules[i].Comment; c != "" {
		t.b = nfnl.AppendAttr(t.b, unix.NFTA_RULE_USERDATA, commentUserdata(c))
	}
	t.end()
	return nil
}

// elements adds or deletes an operation's elements, in messages below 64 KiB.
func (t *batch) elements(o *nft.Op) {
	typ, flags := uint16(unix.NFT_MSG_NEWSETELEM), uint16(unix.NLM_F_CREATE)
	if o.Mark == nft.Delete {
		typ, flags = unix.NFT_MSG_DELSETELEM, 0
	}
	t.elementMessages(o, o.Elements, typ, flags)
}

// elementMessages tells of elements of an operation: those that it adds or deletes, or those
// that were there before a change.
func (t *batch) elementMessages(o *nft.Op, es []nft.Element, typ, flags uint16) {
	add := typ == unix.NFT_MSG_NEWSETELEM
	for i := 0; i < len(es); {
		t.start(typ, flags, origin{op: o, index: i})
		t.b = nfnl.AppendString(t.b, unix.NFTA_SET_ELEM_LIST_SET, o.Set.Name)
		var list int
		t.b, list = nfnl.OpenNest(t.b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
		for ; i < len(es) && len(t.b)-list < chunk; i++ {
			t.b = appendElement(t.b, o.Set, &es[i], add)
		}
		nfnl.CloseNest(t.b, list)
		t.end()
	}
}

// nfAccept is NF_ACCEPT (include/uapi/linux/netfilter.h).
const nfAccept = 1
