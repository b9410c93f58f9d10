package nftlink

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft"
)

// ErrStale says that the ruleset of the namespace changed since it was read, or that the
// kernel lost its answer: read again, diff again.
var ErrStale = errors.New("the ruleset changed since it was read")

// Apply carries out a plan in one transaction, if the generation is still the one at which
// the plan was made (0: whatever it is). After an error nothing has changed; after ErrStale
// reading again tells.
func (c *Conn) Apply(ctx context.Context, p nft.Plan, want *nft.Ruleset, gen Generation) error {
	if p.Empty() {
		return nil
	}
	t, err := encode(p, intervals(want), c.seq+1, uint32(gen))
	if err != nil {
		return err
	}
	return c.commit(ctx, t)
}

// Delete removes the table and nothing else. It returns false if there was none.
func (c *Conn) Delete(ctx context.Context, table string) (bool, error) {
	t := &batch{seq: c.seq, first: c.seq + 1, table: table}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
	t.start(unix.NFT_MSG_DELTABLE, unix.NLM_F_ACK, origin{})
	t.end()
	t.begin(unix.NFNL_MSG_BATCH_END, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
	err := c.commit(ctx, t)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// Entered returns the table's dynamic maps with what rules have entered into them.
func (c *Conn) Entered(ctx context.Context, r *nft.Ruleset) ([]*nft.Set, error) {
	var out []*nft.Set
	for _, s := range r.Sets {
		if !s.Dynamic {
			continue
		}
		live := *s
		live.Elements = nil
		d := elementDecoder{set: &live, names: make(map[string]string)}
		request := appendString(appendString(nil, unix.NFTA_TABLE_NAME, r.Table), unix.NFTA_SET_ELEM_LIST_SET, s.Name)
		if err := c.dump(ctx, unix.NFT_MSG_GETSETELEM, request, d.message); err != nil {
			return nil, fmt.Errorf("read what %s holds: %w", s.Name, explainErrno(err))
		}
		out = append(out, &live)
	}
	return out, nil
}

// destroySetElem is NFT_MSG_DESTROYSETELEM (Linux 6.3): as DELSETELEM, and no error where the
// element is gone already.
const destroySetElem = 30

// Forget deletes entries of dynamic maps, in one transaction. Entries that time out meanwhile
// do not matter; kernels before 6.3 may report them as ENOENT, and then nothing is deleted.
func (c *Conn) Forget(ctx context.Context, table string, entries map[*nft.Set][]nft.Element) error {
	err := c.forget(ctx, table, entries, destroySetElem)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		err = c.forget(ctx, table, entries, unix.NFT_MSG_DELSETELEM)
	}
	return err
}

func (c *Conn) forget(ctx context.Context, table string, entries map[*nft.Set][]nft.Element, typ uint16) error {
	t := &batch{seq: c.seq, first: c.seq + 1, table: table}
	t.begin(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES, origin{})
	t.end()
	for s, es := range entries {
		t.elementMessages(&nft.Op{Mark: nft.Delete, Set: s, Elements: es}, typ, 0)
	}
	t.acknowledge()
	return c.commit(ctx, t)
}

// commit sends a transaction and waits for its one acknowledgement, that of the message
// before BATCH_END.
func (c *Conn) commit(ctx context.Context, t *batch) error { return c.exchange(ctx, t, t.seq-1) }

// exchange sends a batch and waits for the acknowledgement of one of its messages. The kernel
// works while it is sent: when sending returns, all answers are there.
func (c *Conn) exchange(ctx context.Context, t *batch, acked uint32) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.seq = t.seq
	if err := c.send(t.b); err != nil {
		if errors.Is(err, unix.EMSGSIZE) {
			return fmt.Errorf("the transaction of %d bytes does not fit the socket's send buffer: raise net.core.wmem_max, or run with CAP_NET_ADMIN in the initial user namespace: %w", len(t.b), err)
		}
		return fmt.Errorf("send transaction: %w", explainErrno(err))
	}
	var first error
	for {
		d, err := c.recv(unix.MSG_DONTWAIT)
		if err == unix.EAGAIN || err == unix.ENOBUFS {
			if first != nil {
				return first
			}
			return fmt.Errorf("%w: no answer (%w)", ErrStale, err)
		}
		if err != nil {
			return fmt.Errorf("read answer to transaction: %w", err)
		}
		done := false
		err = messages(d, func(m message) bool {
			if m.typ != unix.NLMSG_ERROR || m.seq < t.first || m.seq > t.seq {
				return true
			}
			if e := errno(m.data); e != 0 && first == nil {
				first = t.explain(m, e)
			}
			done = done || m.seq == acked || m.seq == t.first
			return true
		})
		if err != nil {
			return err
		}
		if done {
			c.drain()
			return first
		}
	}
}

// drain throws away answers that are still queued.
func (c *Conn) drain() {
	for {
		if _, err := c.recv(unix.MSG_DONTWAIT); err != nil {
			return
		}
	}
}

// RefusedError is the kernel's refusal of one object of a transaction. Nothing was changed.
type RefusedError struct {
	Object string // the element, rule, chain, set or table as nft writes it
	Msg    string // the kernel's own words, often empty
	Lacks  string // what the kernel does not have, and who has it; empty if that is not the reason
	Errno  unix.Errno
}

// Error names the object, what it is, and the kernel's reason.
func (e *RefusedError) Error() string {
	s := "the kernel refused " + e.Object + ": " + e.Errno.Error()
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

// explain turns an error answer into one that names the object at fault.
func (t *batch) explain(m message, e unix.Errno) error {
	switch {
	case e == unix.ERESTART:
		return ErrStale
	case e == unix.EPERM:
		return fmt.Errorf("%w (%w)", ErrNoPermission, os.ErrPermission)
	}
	refused := &RefusedError{Object: "the transaction", Errno: e}
	offset := 0
	if len(m.data) > 4+unix.NLMSG_HDRLEN && m.flags&unix.NLM_F_ACK_TLVS != 0 {
		rest := m.data[4+unix.NLMSG_HDRLEN:]
		if m.flags&unix.NLM_F_CAPPED == 0 {
			rest = nil
		}
		for a := (attrs{rest: rest}); a.next(); {
			switch {
			case a.typ == ackMsg:
				refused.Msg = a.str()
			case a.typ == ackOffs && len(a.val) >= 4:
				offset = int(nativeU32(a.val))
			}
		}
	}
	if i := int(m.seq - t.first); i > 0 && i < len(t.msgs) {
		refused.Object = t.describe(t.msgs[i], offset)
		refused.Lacks = t.lacks(t.msgs[i], e, offset)
	}
	return refused
}

func (t *batch) describe(o origin, offset int) string {
	if o.what != "" {
		return o.what
	}
	if o.op == nil {
		return "table inet " + t.table
	}
	op := o.op
	switch {
	case op.Elements != nil:
		i := o.index + t.elementAt(o, offset)
		e := op.Elements[min(i, len(op.Elements)-1)]
		return fmt.Sprintf("element %s of %s", op.Set.ElementString(e), op.Set.Name)
	case op.Set != nil:
		return "map or set " + op.Set.Name
	case op.Rules != nil:
		return fmt.Sprintf("rule %q of chain %s", op.Rules[o.index], op.Chain.Name)
	}
	return "chain " + op.Chain.Name
}

// elementAt returns which element of a message an offset into it lies in. Ranges over one
// field take two entries each, the second flagged as an end.
func (t *batch) elementAt(o origin, offset int) int {
	msg := t.b[o.at:]
	msg = msg[:nativeU32(msg)]
	n, at := -1, unix.NLMSG_HDRLEN+4
	for top := (attrs{rest: msg[at:]}); top.next(); {
		if top.typ != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			continue
		}
		for list := (attrs{rest: top.val}); list.next(); {
			if len(list.val) > 6 && list.val[2] == byte(unix.NFTA_SET_ELEM_FLAGS) {
				continue // an end
			}
			start := len(msg) - len(top.rest) - len(list.rest) - align(len(list.val)) - unix.NLA_HDRLEN
			if start > offset && n >= 0 {
				return n
			}
			n++
		}
	}
	return max(n, 0)
}
