package nftlink

import (
	"context"

	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/nft/wire"
)

// Transaction is a plan in the form in which it goes to the kernel. Benchmarks replay it to
// tell the kernel's own work from that of encoding.
type Transaction struct{ batch *wire.Batch }

// Encode returns the transaction that carries out a plan, whatever the generation.
func Encode(p nft.Plan) (*Transaction, error) {
	b, err := wire.Encode(p, 1, 0)
	return &Transaction{b}, err
}

// Replay sends an encoded transaction, as Apply would after encoding it.
func (c *Conn) Replay(ctx context.Context, t *Transaction) error { return c.commit(ctx, t.batch) }
