package nftlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// ErrStale says that the ruleset of the namespace changed since it was read: read again, diff
// again.
var ErrStale = errors.New("the ruleset changed since it was read")

// Apply carries out a plan in one transaction, if the generation is still the one at which
// the plan was made (0: whatever it is). After an error nothing has changed, with two
// exceptions: after ErrStale reading again tells, and after ErrUnknown only somebody who looks
// can tell.
//
// Elements that change keep what they have counted up to now, just before the transaction.
// What they count between this and the commit is lost, since packets move no generation: that
// is some first packets of connections in about a millisecond.
func (c *Conn) Apply(ctx context.Context, p nft.Plan, gen Generation) error {
	if p.Empty() {
		return nil
	}
	p = c.recount(ctx, p)
	t, err := encode(p, c.seq+1, uint32(gen))
	if err != nil {
		return err
	}
	err = c.commit(ctx, t)
	if errors.Is(err, errUnanswered) {
		return c.settle(ctx, p.Table(), gen, func(live *nft.Ruleset) bool { return nft.Diff(live, p.Want).Empty() })
	}
	return err
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
	if errors.Is(err, errUnanswered) {
		err = c.settle(ctx, table, 0, func(live *nft.Ruleset) bool { return live == nil })
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
		request := nfnl.AppendString(nfnl.AppendString(nil, unix.NFTA_TABLE_NAME, r.Table), unix.NFTA_SET_ELEM_LIST_SET, s.Name)
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
		t.elementMessages(&nft.Op{Mark: nft.Delete, Set: s, Elements: es}, es, typ, 0)
	}
	t.acknowledge()
	return c.commit(ctx, t)
}

// commit sends a transaction and waits for its one acknowledgement, that of the message
// before BATCH_END.
func (c *Conn) commit(ctx context.Context, t *batch) error {
	err := c.exchange(ctx, t, t.seq-1)
	if errors.Is(err, ErrNoPermission) {
		return c.owned(ctx, t.table, err)
	}
	return err
}

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
	return c.verdict(t, acked)
}

// verdict reads the answers to a batch that was sent: nil where it was acknowledged,
// errUnanswered where the one answer that tells is lost.
func (c *Conn) verdict(t *batch, acked uint32) error {
	var first error
	for {
		d, err := c.recv(unix.MSG_DONTWAIT)
		switch {
		case err == unix.ENOBUFS:
			continue // some answer found no room; those before it are still to be read
		case err == unix.EAGAIN && first != nil:
			return first
		case err == unix.EAGAIN:
			return errUnanswered
		case err != nil:
			return fmt.Errorf("read answer to transaction: %w", err)
		}
		done := false
		err = messages(d, func(m nfnl.Message) bool {
			if m.Type != unix.NLMSG_ERROR || m.Seq < t.first || m.Seq > t.seq {
				return true
			}
			if e := nfnl.Errno(m.Data); e != 0 && first == nil {
				first = t.explain(m, e)
			}
			done = done || m.Seq == acked || m.Seq == t.first
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
