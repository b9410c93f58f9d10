package nftlink

import (
	"context"
	"errors"
)

// Restore brings a table back to what a snapshot holds, in one transaction and whatever became
// of it since: the table is deleted and made anew. Counters and entries that time out are those
// of the snapshot. A flowtable with an interface that is gone comes back without interfaces: it
// makes flows faster, and nothing else depends on it. After an error nothing has changed.
func (c *Conn) Restore(ctx context.Context, s *Snapshot) error {
	err := c.commit(ctx, s.EncodeRestore(c.seq+1))
	if lostInterface(err) {
		return c.commit(ctx, s.WithoutInterfaces().EncodeRestore(c.seq+1))
	}
	return err
}

// Check asks the kernel whether Restore could carry out a snapshot now, and changes nothing: a
// transaction without its end is looked at and dropped (net/netfilter/nfnetlink.c,
// nfnetlink_rcv_batch).
func (c *Conn) Check(ctx context.Context, s *Snapshot) error {
	err := c.exchange(ctx, s.EncodeCheck(c.seq+1))
	if lostInterface(err) {
		return c.exchange(ctx, s.WithoutInterfaces().EncodeCheck(c.seq+1))
	}
	return err
}

func lostInterface(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && refused.LostInterface()
}
