package nftlink

import (
	"context"
	"errors"
	"fmt"

	"github.com/snatctl/snatctl/nft"
)

// errUnanswered says that the kernel's answer to a transaction is lost. That happens when the
// socket's buffer overruns, also after a commit that went well (netlink(7), ENOBUFS).
var errUnanswered = errors.New("the kernel's answer is lost, since the socket's receive buffer overran (net.core.rmem_max)")

// ErrUnknown says that nobody knows whether a transaction was carried out: the kernel's
// answer is lost, and reading the table again failed.
var ErrUnknown = errors.New("it is not known whether the change was made")

// settle finds out what became of a transaction whose answer is lost: nil where the table is
// as it was to be, ErrStale where it is not and somebody changed the ruleset since gen.
func (c *Conn) settle(ctx context.Context, table string, gen Generation, done func(live *nft.Ruleset) bool) error {
	ctx = context.WithoutCancel(ctx) // it was sent: an answer is owed
	now, err := c.Generation(ctx)
	if err == nil && now == gen {
		return fmt.Errorf("the kernel refused the transaction, and why is lost: %w", errUnanswered)
	}
	var live *nft.Ruleset
	if err == nil {
		live, _, err = c.Read(ctx, table)
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w; reading the table again failed: %w", ErrUnknown, errUnanswered, err)
	case done(live):
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStale, errUnanswered)
}
