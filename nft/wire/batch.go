package wire

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Batch is one transaction in one buffer, as it goes to the kernel: BATCH_BEGIN, messages,
// BATCH_END. It remembers which message does what, so that an error finds its object.
type Batch struct {
	b     []byte
	seq   uint32 // of the last message
	first uint32 // of BATCH_BEGIN
	acked uint32 // of the message whose acknowledgement was asked for
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

// newBatch begins a transaction about a table, with room for size bytes. It is refused unless
// the ruleset's generation is gen; 0 does not look at it.
func newBatch(table string, firstSeq, gen uint32, size int) *Batch {
	t := &Batch{b: make([]byte, 0, size), seq: firstSeq - 1, first: firstSeq, table: table}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	if gen != 0 {
		t.b = nfnl.AppendU32(t.b, unix.NFNL_BATCH_GENID, gen)
	}
	t.end()
	return t
}

// Bytes returns the transaction as one datagram.
func (t *Batch) Bytes() []byte { return t.b }

// Table returns the name of the table that the transaction is about.
func (t *Batch) Table() string { return t.table }

// Seqs returns the sequence numbers of the first and the last message.
func (t *Batch) Seqs() (first, last uint32) { return t.first, t.seq }

// Acked returns the sequence number of the message whose acknowledgement tells that all went
// well. The kernel answers with errors before that, and to the first message if it refuses the
// whole (net/netfilter/nfnetlink.c, nfnetlink_rcv_batch).
func (t *Batch) Acked() uint32 { return t.acked }

// acknowledge ends the transaction, asking for one acknowledgement for all of it: that of the
// last message that does something.
func (t *Batch) acknowledge() {
	t.ask()
	t.begin(unix.NFNL_MSG_BATCH_END, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
}

// ask asks for an acknowledgement of the last message. A transaction that ends so, without
// BATCH_END, is looked at and dropped.
func (t *Batch) ask() {
	t.acked = t.seq
	last := t.b[t.msgs[len(t.msgs)-1].at:]
	binary.NativeEndian.PutUint16(last[6:], binary.NativeEndian.Uint16(last[6:])|unix.NLM_F_ACK)
}

func (t *Batch) begin(typ, flags uint16, resID uint16, o origin) {
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

func (t *Batch) end() { binary.NativeEndian.PutUint32(t.b[t.msg:], uint32(len(t.b)-t.msg)) }

// start starts an nftables message; the table's name comes first in all of them.
func (t *Batch) start(typ, flags uint16, o origin) {
	t.begin(unix.NFNL_SUBSYS_NFTABLES<<8|typ, flags, 0, o)
	t.b = nfnl.AppendString(t.b, tableAttr, t.table)
}

// message appends one message about the table; what is for the error, should there be one.
func (t *Batch) message(typ, flags uint16, attributes []byte, what string) {
	t.start(typ, flags, origin{what: what})
	t.b = append(t.b, attributes...)
	t.end()
}
