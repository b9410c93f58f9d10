package wire

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// Elements reads the elements of one set.
type Elements struct {
	Set   *nft.Set          // gets them; its declaration is known
	Names map[string]string // chains and comments, so that equal ones share memory; may serve several sets

	ends []string // marks behind ranges
}

func (d *Elements) intern(b []byte) string {
	if s, ok := d.Names[string(b)]; ok {
		return s
	}
	s := string(b)
	d.Names[s] = s
	return s
}

// Begin forgets what was read.
func (d *Elements) Begin() { d.Set.Elements, d.ends = nil, nil }

// Take takes one message of a dump of elements.
func (d *Elements) Take(data []byte) error {
	list := nfnl.Attrs{Rest: nfnl.Find(data, listElements)}
	for list.Next() {
		d.element(list.Val)
	}
	return list.Err
}

func (d *Elements) element(b []byte) {
	var e nft.Element
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case elemKey:
			e.Key = string(nfnl.Find(a.Val, dataValue))
		case elemKeyEnd:
			e.KeyEnd = string(nfnl.Find(a.Val, dataValue))
		case elemFlags:
			if a.U32()&unix.NFT_SET_ELEM_INTERVAL_END != 0 {
				d.ends = append(d.ends, string(nfnl.Find(nfnl.Find(b, elemKey), dataValue)))
				return
			}
		case elemData:
			if v := nfnl.Find(a.Val, dataVerdict); v != nil {
				e.Verdict = d.verdict(v)
			} else {
				e.Data = string(nfnl.Find(a.Val, dataValue))
			}
		case elemObjref:
			e.Data = a.Str()
		case elemUserdata:
			e.Comment = d.comment(a.Val)
		case elemExpr:
			e.Packets, e.Bytes = counted(a.Val)
		}
	}
	d.Set.Elements = append(d.Set.Elements, e)
}

// counted returns what an element's counter has seen. nft_counter.c counts packets that hit the
// element, which are first packets of connections wherever only these come by.
func counted(expr []byte) (packets, bytes uint64) {
	if string(nfnl.Find(expr, exprName)) != "counter\x00" {
		return 0, 0
	}
	data := nfnl.Find(expr, exprData)
	p, b := nfnl.Attrs{Val: nfnl.Find(data, counterPackets)}, nfnl.Attrs{Val: nfnl.Find(data, counterBytes)}
	return p.U64(), b.U64()
}

func (d *Elements) comment(ud []byte) string {
	if len(ud) > 2 && ud[0] == udComment && len(ud) == 2+int(ud[1]) {
		return d.intern(ud[2 : len(ud)-1])
	}
	return Comment(ud)
}

func (d *Elements) verdict(b []byte) (v nft.Verdict) {
	for a := (nfnl.Attrs{Rest: b}); a.Next(); {
		switch a.Type {
		case verdictCode:
			v.Kind = 255 // one that snatctl never uses
			for k, x := range verdictKinds {
				if uint32(x) == a.U32() {
					v.Kind = k
				}
			}
		case verdictChain:
			v.Chain = d.intern(a.Val[:max(0, len(a.Val)-1)])
		}
	}
	return v
}

// Finish joins starts and ends of ranges over one field.
func (d *Elements) Finish() {
	if !d.Set.Interval || len(d.Set.Key) > 1 {
		return
	}
	slices.SortFunc(d.Set.Elements, func(a, b nft.Element) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(d.ends)
	last := strings.Repeat("\xff", d.Set.KeyWidth())
	n := 0
	for i := range d.Set.Elements {
		e := &d.Set.Elements[i]
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
		if i+1 < len(d.Set.Elements) && d.Set.Elements[i+1].Key <= e.KeyEnd {
			e.KeyEnd = decrement(d.Set.Elements[i+1].Key)
		}
	}
}
