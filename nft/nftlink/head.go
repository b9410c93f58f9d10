package nftlink

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nft/wire"
)

// Head is what a table says of itself.
type Head = wire.Head

// ErrOwned says that a table belongs to a running process, which alone may change it: even root
// is refused (net/netfilter/nf_tables_api.c, nft_table_lookup).
var ErrOwned = errors.New("the table belongs to another program that is running (flag owner)")

// Head reads what a table of family inet says of itself; nil if there is no such table.
func (c *Conn) Head(ctx context.Context, table string) (*Head, error) {
	var h Head
	err := c.request(ctx, unix.NFT_MSG_GETTABLE, 0, wire.OfTable(table), func(b []byte) error {
		h = wire.DecodeHead(b)
		return nil
	})
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read table inet %s: %w", table, explainErrno(err))
	}
	return &h, nil
}

// Heads reads what all tables of family inet say of themselves, by name.
func (c *Conn) Heads(ctx context.Context) (map[string]Head, error) {
	heads := make(map[string]Head)
	err := c.request(ctx, unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP, nil, func(b []byte) error {
		heads[wire.TableOf(b)] = wire.DecodeHead(b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables of family inet: %w", explainErrno(err))
	}
	return heads, nil
}

// owned tells of a transaction that was not permitted whether that is because of the table's
// owner.
func (c *Conn) owned(ctx context.Context, table string, err error) error {
	h, failed := c.Head(context.WithoutCancel(ctx), table)
	if failed != nil || h == nil || h.Owner == 0 {
		return err
	}
	return fmt.Errorf("table inet %s: %w, netlink port %d: stop that program, or choose another name (gateway.table)", table, ErrOwned, h.Owner)
}
