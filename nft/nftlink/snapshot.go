package nftlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft/wire"
)

// Snapshot is a table of family inet exactly as it stood, whoever made it.
type Snapshot = wire.Snapshot

// Snapshot reads a table to put it back some time, and the generation at which it stood so.
// It fails with ErrStale if the ruleset changed meanwhile.
func (c *Conn) Snapshot(ctx context.Context, table string) (*Snapshot, Generation, error) {
	before, err := c.Generation(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read generation of the ruleset: %w", explainErrno(err))
	}
	s, err := c.snapshot(ctx, table)
	after, genErr := c.Generation(ctx)
	switch {
	case genErr != nil:
		return nil, 0, fmt.Errorf("read generation of the ruleset: %w", explainErrno(genErr))
	case after != before:
		return nil, 0, ErrStale
	case err != nil:
		return nil, 0, fmt.Errorf("read table inet %s to keep it: %w", table, explainErrno(err))
	}
	return s, after, nil
}

// snapshot reads what a Snapshot holds.
func (c *Conn) snapshot(ctx context.Context, table string) (*Snapshot, error) {
	s, named := wire.NewSnapshot(table), wire.OfTable(table)
	err := c.request(ctx, unix.NFT_MSG_GETTABLE, 0, named, func(b []byte) error {
		s.TakeTable(b)
		return nil
	})
	if errors.Is(err, unix.ENOENT) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	collect := func(request uint16, take func([]byte)) error {
		err := c.dump(ctx, request, named, func(b []byte) error {
			take(b)
			return nil
		})
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOENT) {
			return nil // kernels without flowtables
		}
		return err
	}
	err = errors.Join(
		collect(unix.NFT_MSG_GETOBJ, s.TakeObject),
		collect(unix.NFT_MSG_GETFLOWTABLE, s.TakeFlowtable),
		collect(unix.NFT_MSG_GETCHAIN, s.TakeChain),
		collect(unix.NFT_MSG_GETRULE, s.TakeRule),
		c.snapshotSets(ctx, s, table),
	)
	s.Finish()
	return s, err
}

func (c *Conn) snapshotSets(ctx context.Context, s *Snapshot, table string) error {
	err := c.dump(ctx, unix.NFT_MSG_GETSET, wire.OfTable(table), func(b []byte) error {
		s.TakeSet(b)
		return nil
	})
	if err != nil {
		return fmt.Errorf("sets: %w", err)
	}
	for _, set := range s.Sets() {
		if err := c.dumpElements(ctx, wire.OfSet(table, set.Name()), set.Begin, set.Take); err != nil {
			return fmt.Errorf("elements of %s: %w", set.Name(), err)
		}
	}
	return nil
}
