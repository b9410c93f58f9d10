package wire

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Attributes of a message about elements (enum nft_set_elem_list_attributes), and of each
// element in it (enum nft_set_elem_attributes).
const (
	listTable    = unix.NFTA_SET_ELEM_LIST_TABLE    // string
	listSet      = unix.NFTA_SET_ELEM_LIST_SET      // string: the set or map that holds them
	listElements = unix.NFTA_SET_ELEM_LIST_ELEMENTS // list of elements, each an NFTA_LIST_ELEM
	listSetID    = unix.NFTA_SET_ELEM_LIST_SET_ID   // u32: setID, where the transaction makes the set

	elemKey        = unix.NFTA_SET_ELEM_KEY        // data: the key, or where a range begins
	elemData       = unix.NFTA_SET_ELEM_DATA       // data or verdict: of maps
	elemFlags      = unix.NFTA_SET_ELEM_FLAGS      // u32: NFT_SET_ELEM_*
	elemTimeout    = unix.NFTA_SET_ELEM_TIMEOUT    // u64: how long it stays, milliseconds
	elemExpiration = unix.NFTA_SET_ELEM_EXPIRATION // u64: how long it still stays, milliseconds
	elemUserdata   = unix.NFTA_SET_ELEM_USERDATA   // bytes that the kernel keeps for nft: the comment
	elemExpr       = unix.NFTA_SET_ELEM_EXPR       // expression: its counter, with what that has counted
	elemObjref     = unix.NFTA_SET_ELEM_OBJREF     // string: the object that it names, in maps of objects
	elemKeyEnd     = 10                            // NFTA_SET_ELEM_KEY_END, data: last key of a range over several members (Linux 5.6)
	elemExprs      = 11                            // NFTA_SET_ELEM_EXPRESSIONS, list of expressions (Linux 5.11)

	elemCatchall = 2 // NFT_SET_ELEM_CATCHALL, a flag: for keys that no other element has (Linux 5.13)
)

// chunk is how many bytes of elements go into one message: the length of a nested attribute
// has 16 bits.
const chunk = 60000

// elements adds or deletes an operation's elements, in messages below 64 KiB.
func (t *Batch) elements(o *nft.Op) {
	typ, flags := uint16(unix.NFT_MSG_NEWSETELEM), uint16(unix.NLM_F_CREATE)
	if o.Mark == nft.Delete {
		typ, flags = unix.NFT_MSG_DELSETELEM, 0
	}
	t.elementMessages(o, o.Elements, typ, flags)
}

// elementMessages tells of elements of an operation: those that it adds or deletes, or those
// that were there before a change.
func (t *Batch) elementMessages(o *nft.Op, es []nft.Element, typ, flags uint16) {
	add := typ == unix.NFT_MSG_NEWSETELEM
	t.listMessages(o, len(es), typ, flags, func(i int) { t.b = appendElement(t.b, o.Set, &es[i], add) })
}

// listMessages tells of n elements of an operation, in messages of limited size. put appends one of them.
func (t *Batch) listMessages(o *nft.Op, n int, typ, flags uint16, put func(i int)) {
	for i := 0; i < n; {
		t.start(typ, flags, origin{op: o, index: i})
		t.b = nfnl.AppendString(t.b, listSet, o.Set.Name)
		var list int
		t.b, list = nfnl.OpenNest(t.b, listElements)
		for ; i < n && len(t.b)-list < chunk; i++ {
			put(i)
		}
		nfnl.CloseNest(t.b, list)
		t.end()
	}
}

// destroySetElem is NFT_MSG_DESTROYSETELEM (Linux 6.3): as DELSETELEM, and no error where the
// element is gone already.
const destroySetElem = 30

// EncodeForget returns a transaction that deletes elements. With destroy it is no error that
// one is gone already; kernels before 6.3 refuse such messages. gen is as in Encode.
func EncodeForget(table string, entries map[*nft.Set][]nft.Element, destroy bool, firstSeq, gen uint32) *Batch {
	typ := uint16(unix.NFT_MSG_DELSETELEM)
	if destroy {
		typ = destroySetElem
	}
	t := newBatch(table, firstSeq, gen, 0)
	for s, es := range entries {
		t.elementMessages(&nft.Op{Mark: nft.Delete, Set: s, Elements: es}, es, typ, 0)
	}
	t.acknowledge()
	return t
}

// Client is an entry of a dynamic map, as rules enter it.
type Client struct {
	nft.Element
	Timeout time.Duration // how long it stays
}

// EncodeEnter returns a transaction that enters clients into dynamic maps, after it has deleted entries. gen is as
// in Encode.
func EncodeEnter(table string, gone map[*nft.Set][]nft.Element, clients map[*nft.Set][]Client, firstSeq, gen uint32) *Batch {
	t := newBatch(table, firstSeq, gen, 0)
	for s, es := range gone {
		t.elementMessages(&nft.Op{Mark: nft.Delete, Set: s, Elements: es}, es, unix.NFT_MSG_DELSETELEM, 0)
	}
	for s, cs := range clients {
		t.clientMessages(s, cs)
	}
	t.acknowledge()
	return t
}

// clientMessages is elementMessages for clients.
func (t *Batch) clientMessages(s *nft.Set, cs []Client) {
	o := &nft.Op{Mark: nft.Add, Set: s, Elements: make([]nft.Element, len(cs))} // for who explains a refusal
	for i := range cs {
		o.Elements[i] = cs[i].Element
	}
	t.listMessages(o, len(cs), unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, func(i int) {
		var at int
		t.b, at = nfnl.OpenNest(t.b, listElem)
		t.b = appendValue(t.b, elemKey, cs[i].Key)
		t.b = appendData(t.b, s, &cs[i].Element)
		t.b = nfnl.AppendU64(t.b, elemTimeout, uint64(cs[i].Timeout/time.Millisecond))
		nfnl.CloseNest(t.b, at)
	})
}

// OfSet returns the attributes of a request for what a set holds.
func OfSet(table, set string) []byte { return nfnl.AppendString(OfTable(table), listSet, set) }

// OfElements returns the attributes of a request for single elements of a set (nf_tables_api.c,
// nf_tables_getsetelem).
func OfElements(table string, s *nft.Set, es []nft.Element) []byte {
	b, list := nfnl.OpenNest(OfSet(table, s.Name), listElements)
	for i := range es {
		b = appendStart(b, s, &es[i])
	}
	nfnl.CloseNest(b, list)
	return b
}

// appendStart appends an element by its key alone, or where its range starts.
func appendStart(b []byte, s *nft.Set, e *nft.Element) []byte {
	b, at := nfnl.OpenNest(b, listElem)
	b = appendValue(b, elemKey, e.Key)
	if s.Interval && len(s.Key) > 1 {
		b = appendValue(b, elemKeyEnd, e.KeyEnd)
	}
	nfnl.CloseNest(b, at)
	return b
}

// appendElement appends an element as it goes into NFTA_SET_ELEM_LIST_ELEMENTS. In sets of
// ranges over one field an element is two: its start, and a mark behind its end
// (net/netfilter/nft_set_rbtree.c). Deleting needs the key alone.
func appendElement(b []byte, s *nft.Set, e *nft.Element, add bool) []byte {
	b, at := nfnl.OpenNest(b, listElem)
	if e.Key == "" {
		b = nfnl.AppendU32(b, elemFlags, elemCatchall)
		nfnl.CloseNest(b, at)
		return b
	}
	b = appendValue(b, elemKey, e.Key)
	if s.Interval && len(s.Key) > 1 {
		b = appendValue(b, elemKeyEnd, e.KeyEnd)
	}
	if add {
		b = appendData(b, s, e)
		if e.Comment != "" {
			b = nfnl.AppendAttr(b, elemUserdata, commentUserdata(e.Comment))
		}
		if s.Counter && e.Packets > 0 {
			b = appendCounted(b, e)
		}
	}
	nfnl.CloseNest(b, at)
	if !s.Interval || len(s.Key) > 1 {
		return b
	}
	if behind, ok := increment(e.KeyEnd); ok {
		b, at = nfnl.OpenNest(b, listElem)
		b = nfnl.AppendU32(b, elemFlags, unix.NFT_SET_ELEM_INTERVAL_END)
		b = appendValue(b, elemKey, behind)
		nfnl.CloseNest(b, at)
	}
	return b
}

func appendData(b []byte, s *nft.Set, e *nft.Element) []byte {
	switch s.Data {
	case nft.NoData:
		return b
	case nft.VerdictData:
		return appendVerdict(b, elemData, e.Verdict)
	case nft.ObjectData:
		return nfnl.AppendString(b, elemObjref, e.Data)
	}
	return appendValue(b, elemData, e.Data)
}

// appendCounted appends an element's counter with what it begins from (nft_counter.c,
// nft_counter_do_init). It takes the place of the one that the set gives to each element.
func appendCounted(b []byte, e *nft.Element) []byte {
	b, at := nfnl.OpenNest(b, elemExpr)
	b = nfnl.AppendString(b, exprName, "counter")
	b, data := nfnl.OpenNest(b, exprData)
	b = nfnl.AppendU64(b, counterBytes, e.Bytes)
	b = nfnl.AppendU64(b, counterPackets, e.Packets)
	nfnl.CloseNest(b, data)
	nfnl.CloseNest(b, at)
	return b
}
