package nftlink

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// setElemKeyEnd is NFTA_SET_ELEM_KEY_END (Linux 5.6).
const setElemKeyEnd = 10

// appendStart appends an element by its key alone, or where its range starts.
func appendStart(b []byte, s *nft.Set, e *nft.Element) []byte {
	b, at := nfnl.OpenNest(b, unix.NFTA_LIST_ELEM)
	b = appendKey(b, unix.NFTA_SET_ELEM_KEY, e.Key)
	if s.Interval && len(s.Key) > 1 {
		b = appendKey(b, setElemKeyEnd, e.KeyEnd)
	}
	nfnl.CloseNest(b, at)
	return b
}

// appendElement appends an element as it goes into NFTA_SET_ELEM_LIST_ELEMENTS. In sets of
// ranges over one field an element is two: its start, and a mark behind its end
// (net/netfilter/nft_set_rbtree.c). Deleting needs the key alone.
func appendElement(b []byte, s *nft.Set, e *nft.Element, add bool) []byte {
	b, at := nfnl.OpenNest(b, unix.NFTA_LIST_ELEM)
	if e.Key == "" {
		b = nfnl.AppendU32(b, unix.NFTA_SET_ELEM_FLAGS, elemCatchall)
		nfnl.CloseNest(b, at)
		return b
	}
	b = appendKey(b, unix.NFTA_SET_ELEM_KEY, e.Key)
	if s.Interval && len(s.Key) > 1 {
		b = appendKey(b, setElemKeyEnd, e.KeyEnd)
	}
	if add {
		b = appendData(b, s, e)
		if e.Comment != "" {
			b = nfnl.AppendAttr(b, unix.NFTA_SET_ELEM_USERDATA, commentUserdata(e.Comment))
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
		b, at = nfnl.OpenNest(b, unix.NFTA_LIST_ELEM)
		b = nfnl.AppendU32(b, unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END)
		b = appendKey(b, unix.NFTA_SET_ELEM_KEY, behind)
		nfnl.CloseNest(b, at)
	}
	return b
}

func appendKey(b []byte, typ uint16, key string) []byte {
	b, at := nfnl.OpenNest(b, typ)
	b = nfnl.AppendAttr(b, unix.NFTA_DATA_VALUE, key)
	nfnl.CloseNest(b, at)
	return b
}

func appendData(b []byte, s *nft.Set, e *nft.Element) []byte {
	switch s.Data {
	case nft.NoData:
		return b
	case nft.VerdictData:
		b, data := nfnl.OpenNest(b, unix.NFTA_SET_ELEM_DATA)
		b, v := nfnl.OpenNest(b, unix.NFTA_DATA_VERDICT)
		b = nfnl.AppendU32(b, unix.NFTA_VERDICT_CODE, uint32(verdictKinds[e.Verdict.Kind]))
		if e.Verdict.Chain != "" {
			b = nfnl.AppendString(b, unix.NFTA_VERDICT_CHAIN, e.Verdict.Chain)
		}
		nfnl.CloseNest(b, v)
		nfnl.CloseNest(b, data)
		return b
	}
	return appendKey(b, unix.NFTA_SET_ELEM_DATA, e.Data)
}

// increment returns the key that follows; false behind the last one.
func increment(key string) (string, bool) {
	b := []byte(key)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]++; b[i] != 0 {
			return string(b), true
		}
	}
	return "", false
}

// decrement returns the key before; the first one's is the last.
func decrement(key string) string {
	b := []byte(key)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i]--; b[i] != 0xff {
			break
		}
	}
	return string(b)
}

// anonSet is an anonymous set of protocols.
type anonSet struct {
	id     uint32
	protos []inet.Proto
}

func (t *batch) addAnonymous(a anonSet, o origin) {
	t.start(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, o)
	t.b = nfnl.AppendString(t.b, unix.NFTA_SET_NAME, anonName)
	t.b = nfnl.AppendU32(t.b, unix.NFTA_SET_FLAGS, unix.NFT_SET_ANONYMOUS|unix.NFT_SET_CONSTANT)
	t.b = nfnl.AppendU32(t.b, unix.NFTA_SET_KEY_TYPE, typeInetProto)
	t.b = nfnl.AppendU32(t.b, unix.NFTA_SET_KEY_LEN, 1)
	t.b = nfnl.AppendU32(t.b, unix.NFTA_SET_ID, a.id)
	t.b = nfnl.AppendAttr(t.b, unix.NFTA_SET_USERDATA, tlv(tlv32(nil, udKeyByteorder, orderHost), udKeyTypeof, typeof(nft.Proto)))
	t.end()
	t.start(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, o)
	t.b = nfnl.AppendString(t.b, unix.NFTA_SET_ELEM_LIST_SET, anonName)
	t.b = nfnl.AppendU32(t.b, unix.NFTA_SET_ELEM_LIST_SET_ID, a.id)
	var list int
	t.b, list = nfnl.OpenNest(t.b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)
	for _, p := range a.protos {
		var at int
		t.b, at = nfnl.OpenNest(t.b, unix.NFTA_LIST_ELEM)
		t.b = appendKey(t.b, unix.NFTA_SET_ELEM_KEY, string([]byte{byte(p)}))
		nfnl.CloseNest(t.b, at)
	}
	nfnl.CloseNest(t.b, list)
	t.end()
}

// elementDecoder reads the elements of one set.
type elementDecoder struct {
	set   *nft.Set
	names map[string]string // chains and comments, so that equal ones share memory
	ends  []string          // marks behind ranges
}

func (d *elementDecoder) intern(b []byte) string {
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	s := string(b)
	d.names[s] = s
	return s
}

// begin forgets what was read.
func (d *elementDecoder) begin() { d.set.Elements, d.ends = nil, nil }

// message takes one message of a dump of elements.
func (d *elementDecoder) message(data []byte) error {
	list := nfnl.Attrs{Rest: nfnl.Find(data, unix.NFTA_SET_ELEM_LIST_ELEMENTS)}
	for list.Next() {
		d.element(list.Val)
	}
	return list.Err
}

func (d *elementDecoder) element(b []byte) {
	var e nft.Element
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case unix.NFTA_SET_ELEM_KEY:
			e.Key = string(nfnl.Find(a.Val, unix.NFTA_DATA_VALUE))
		case setElemKeyEnd:
			e.KeyEnd = string(nfnl.Find(a.Val, unix.NFTA_DATA_VALUE))
		case unix.NFTA_SET_ELEM_FLAGS:
			if a.U32()&unix.NFT_SET_ELEM_INTERVAL_END != 0 {
				d.ends = append(d.ends, string(nfnl.Find(nfnl.Find(b, unix.NFTA_SET_ELEM_KEY), unix.NFTA_DATA_VALUE)))
				return
			}
		case unix.NFTA_SET_ELEM_DATA:
			if v := nfnl.Find(a.Val, unix.NFTA_DATA_VERDICT); v != nil {
				e.Verdict = d.verdict(v)
			} else {
				e.Data = string(nfnl.Find(a.Val, unix.NFTA_DATA_VALUE))
			}
		case unix.NFTA_SET_ELEM_USERDATA:
			e.Comment = d.comment(a.Val)
		case unix.NFTA_SET_ELEM_EXPR:
			e.Packets, e.Bytes = counted(a.Val)
		}
	}
	d.set.Elements = append(d.set.Elements, e)
}

// counted returns what an element's counter has seen. nft_counter.c counts packets that hit the
// element, which are first packets of connections wherever only these come by.
func counted(expr []byte) (packets, bytes uint64) {
	if string(nfnl.Find(expr, unix.NFTA_EXPR_NAME)) != "counter\x00" {
		return 0, 0
	}
	data := nfnl.Find(expr, unix.NFTA_EXPR_DATA)
	p, b := nfnl.Attrs{Val: nfnl.Find(data, unix.NFTA_COUNTER_PACKETS)}, nfnl.Attrs{Val: nfnl.Find(data, unix.NFTA_COUNTER_BYTES)}
	return p.U64(), b.U64()
}

// appendCounted appends an element's counter with what it begins from (nft_counter.c,
// nft_counter_do_init). It takes the place of the one that the set gives to each element.
func appendCounted(b []byte, e *nft.Element) []byte {
	b, at := nfnl.OpenNest(b, unix.NFTA_SET_ELEM_EXPR)
	b = nfnl.AppendString(b, unix.NFTA_EXPR_NAME, "counter")
	b, data := nfnl.OpenNest(b, unix.NFTA_EXPR_DATA)
	b = nfnl.AppendU64(b, unix.NFTA_COUNTER_BYTES, e.Bytes)
	b = nfnl.AppendU64(b, unix.NFTA_COUNTER_PACKETS, e.Packets)
	nfnl.CloseNest(b, data)
	nfnl.CloseNest(b, at)
	return b
}

func (d *elementDecoder) comment(ud []byte) string {
	if len(ud) > 2 && ud[0] == udComment && len(ud) == 2+int(ud[1]) {
		return d.intern(ud[2 : len(ud)-1])
	}
	return comment(ud)
}

func (d *elementDecoder) verdict(b []byte) (v nft.Verdict) {
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case unix.NFTA_VERDICT_CODE:
			v.Kind = 255 // one that snatctl never uses
			for k, x := range verdictKinds {
				if uint32(x) == a.U32() {
					v.Kind = k
				}
			}
		case unix.NFTA_VERDICT_CHAIN:
			v.Chain = d.intern(a.Val[:max(0, len(a.Val)-1)])
		}
	}
	return v
}

// finish joins starts and ends of ranges over one field.
func (d *elementDecoder) finish() {
	if !d.set.Interval || len(d.set.Key) > 1 {
		return
	}
	slices.SortFunc(d.set.Elements, func(a, b nft.Element) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(d.ends)
	last := strings.Repeat("\xff", d.set.KeyWidth())
	n := 0
	for i := range d.set.Elements {
		e := &d.set.Elements[i]
		if e.Key == "" {
			continue // the catch-all
		}
		for n < len(d.ends) && d.ends[n] <= e.Key {
			n++
		}
		e.KeyEnd = last
		if n < len(d.ends) {
			e.KeyEnd = decrement(d.ends[n])
		}
		if i+1 < len(d.set.Elements) && d.set.Elements[i+1].Key <= e.KeyEnd {
			e.KeyEnd = decrement(d.set.Elements[i+1].Key)
		}
	}
}
