package wire

import (
	"cmp"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// RefusedError is the kernel's refusal of one object of a transaction. Nothing was changed.
type RefusedError struct {
	Object string // the element, rule, chain, set or table as nft writes it
	Msg    string // the kernel's own words, often empty
	Lacks  string // what the kernel does not have, and who has it; empty if that is not the reason
	Errno  unix.Errno
	Op     nft.Op // the part of the plan that Object is: one element, one rule, an object, a set, a chain or a flowtable; zero for the table
}

// Error names the object, what it is, and the kernel's reason.
func (e *RefusedError) Error() string {
	why := e.Errno.Error()
	if e.Errno == unix.ENFILE && e.Op.Set != nil { // the number's own text speaks of files
		why = e.Op.Set.Name + " is full"
	}
	s := "the kernel refused " + e.Object + ": " + why
	if e.Msg != "" {
		s += " (" + e.Msg + ")"
	}
	if e.Lacks != "" {
		s += "; this kernel has no " + e.Lacks
	}
	return s
}

// Unwrap returns the error number.
func (e *RefusedError) Unwrap() error { return e.Errno }

// Attributes of extended acknowledgements (include/uapi/linux/netlink.h).
const (
	ackMsg  = 1 // NLMSGERR_ATTR_MSG
	ackOffs = 2 // NLMSGERR_ATTR_OFFS
)

// Refusal turns an error answer into one that names the object at fault.
func (t *Batch) Refusal(m nfnl.Message, e unix.Errno) *RefusedError {
	refused := &RefusedError{Object: "the transaction", Errno: e}
	offset := 0
	if len(m.Data) > 4+unix.NLMSG_HDRLEN && m.Flags&unix.NLM_F_ACK_TLVS != 0 {
		rest := m.Data[4+unix.NLMSG_HDRLEN:]
		if m.Flags&unix.NLM_F_CAPPED == 0 {
			rest = nil
		}
		for a := (nfnl.Attrs{Rest: rest}); a.Next(); {
			switch {
			case a.Type == ackMsg:
				refused.Msg = a.Str()
			case a.Type == ackOffs && len(a.Val) >= 4:
				offset = int(binary.NativeEndian.Uint32(a.Val))
			}
		}
	}
	if i := int(m.Seq - t.first); i > 0 && i < len(t.msgs) {
		refused.Op = t.part(t.msgs[i], offset)
		refused.Object = cmp.Or(t.msgs[i].what, t.describe(refused.Op))
		refused.Lacks = t.lacks(t.msgs[i], e, offset)
	}
	return refused
}

// part returns what a message, and an offset into it, were made from.
func (t *Batch) part(o origin, offset int) nft.Op {
	if o.op == nil {
		return nft.Op{}
	}
	op := *o.op
	switch {
	case op.Elements != nil:
		i := min(o.index+t.elementAt(o, offset), len(op.Elements)-1)
		op.Elements = op.Elements[i : i+1]
		if op.Was != nil {
			op.Was = op.Was[i : i+1]
		}
	case op.Rules != nil:
		op.Rules = op.Rules[o.index : o.index+1]
	}
	return op
}

func (t *Batch) describe(op nft.Op) string {
	switch {
	case op.Object != nil:
		return op.Object.Ref().String()
	case op.Flowtable != nil:
		return "flowtable " + op.Flowtable.String()
	case op.Elements != nil:
		return fmt.Sprintf("element %s of %s", op.Set.ElementString(op.Elements[0]), op.Set.Name)
	case op.Set != nil:
		return "map or set " + op.Set.Name
	case op.Rules != nil:
		return fmt.Sprintf("rule %q of chain %s", op.Rules[0], op.Chain.Name)
	case op.Chain != nil:
		return "chain " + op.Chain.Name
	}
	return "table inet " + t.table
}

// elementAt returns which element of a message an offset into it lies in. Ranges over one
// field take two entries each, the second flagged as an end.
func (t *Batch) elementAt(o origin, offset int) int {
	msg := t.b[o.at:]
	msg = msg[:binary.NativeEndian.Uint32(msg)]
	n, at := -1, unix.NLMSG_HDRLEN+4
	for top := (nfnl.Attrs{Rest: msg[at:]}); top.Next(); {
		if top.Type != listElements {
			continue
		}
		for list := (nfnl.Attrs{Rest: top.Val}); list.Next(); {
			if len(list.Val) > 6 && list.Val[2] == byte(elemFlags) {
				continue // an end
			}
			start := len(msg) - len(top.Rest) - len(list.Rest) - nfnl.Align(len(list.Val)) - unix.NLA_HDRLEN
			if start > offset && n >= 0 {
				return n
			}
			n++
		}
	}
	return max(n, 0)
}
