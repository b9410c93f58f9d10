package nftlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

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
	t, err := wire.Encode(p, c.seq+1, uint32(gen))
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
	err := c.commit(ctx, wire.EncodeDelete(table, c.seq+1))
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if errors.Is(err, errUnanswered) {
		err = c.settle(ctx, table, 0, func(live *nft.Ruleset) bool { return live == nil })
	}
	return err == nil, err
}

// Entered returns the table's dynamic maps with what rules have entered into them. Dynamic sets, which only
// count and may be large, are not read.
func (c *Conn) Entered(ctx context.Context, r *nft.Ruleset) ([]*nft.Set, error) {
	var out []*nft.Set
	for _, s := range r.Sets {
		if !s.Dynamic || s.Data == nft.NoData {
			continue
		}
		live := *s
		live.Elements = nil
		d := wire.Elements{Set: &live, Names: make(map[string]string)}
		if err := c.dump(ctx, unix.NFT_MSG_GETSETELEM, wire.OfSet(r.Table, s.Name), d.Take); err != nil {
			return nil, fmt.Errorf("read what %s holds: %w", s.Name, explainErrno(err))
		}
		out = append(out, &live)
	}
	return out, nil
}

// Forget deletes entries of dynamic maps, in one transaction. Entries that time out meanwhile
// do not matter; kernels before 6.3 may report them as ENOENT, and then nothing is deleted. It
// fails with ErrStale unless the generation is still gen (0: whatever it is).
func (c *Conn) Forget(ctx context.Context, table string, entries map[*nft.Set][]nft.Element, gen Generation) error {
	err := c.commit(ctx, wire.EncodeForget(table, entries, true, c.seq+1, uint32(gen)))
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		err = c.commit(ctx, wire.EncodeForget(table, entries, false, c.seq+1, uint32(gen)))
	}
	return err
}

// Enter enters clients into dynamic maps, in one transaction, whatever the generation is. gone are entries of
// the same keys that hold something else; that one of them times out meanwhile is an error (ENOENT), and nothing
// has changed then.
func (c *Conn) Enter(ctx context.Context, table string, gone map[*nft.Set][]nft.Element, clients map[*nft.Set][]wire.Client) error {
	return c.commit(ctx, wire.EncodeEnter(table, gone, clients, c.seq+1, 0))
}

// commit sends a transaction and waits for its one acknowledgement, that of the message
// before BATCH_END.
func (c *Conn) commit(ctx context.Context, t *wire.Batch) error {
	err := c.exchange(ctx, t)
	if err == nil {
		c.commits++
	}
	if errors.Is(err, ErrNoPermission) {
		return c.owned(ctx, t.Table(), err)
	}
	return err
}

// exchange sends a batch and waits for its acknowledgement. The kernel
// works while it is sent: when sending returns, all answers are there.
func (c *Conn) exchange(ctx context.Context, t *wire.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, c.seq = t.Seqs()
	if err := c.send(t.Bytes()); err != nil {
		if errors.Is(err, unix.EMSGSIZE) {
			return fmt.Errorf("the transaction of %d bytes does not fit the socket's send buffer: raise net.core.wmem_max, or run with CAP_NET_ADMIN in the initial user namespace: %w", len(t.Bytes()), err)
		}
		return fmt.Errorf("send transaction: %w", explainErrno(err))
	}
	return c.verdict(t)
}

// verdict reads the answers to a batch that was sent: nil where it was acknowledged,
// errUnanswered where the one answer that tells is lost.
func (c *Conn) verdict(t *wire.Batch) error {
	begin, end := t.Seqs()
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
			if m.Type != unix.NLMSG_ERROR || m.Seq < begin || m.Seq > end {
				return true
			}
			if e := nfnl.Errno(m.Data); e != 0 && first == nil {
				first = explain(t, m, e)
			}
			done = done || m.Seq == t.Acked() || m.Seq == begin
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
