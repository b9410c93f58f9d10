package nftlink

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"github.com/snatctl/snatctl/nft/wire"
	"golang.org/x/sys/unix"
)

// errMoved says that a set's elements changed places while they were listed.
var errMoved = errors.New("the kernel kept moving the elements while they were listed")

const (
	listings = 6                    // how often a set is listed anew because its elements moved
	settling = 5 * time.Millisecond // how long the kernel is given first; doubled each time
)

// dumpElements lists a set's elements for message, after begin has forgotten what a listing
// before has said.
//
// The kernel lists a set in pieces and finds each by counting from the set's start. While a
// hash is being resized its elements change places: then some are listed twice and others
// not at all (net/netfilter/nft_set_hash.c, nft_rhash_walk). Such a listing is made again.
func (c *Conn) dumpElements(ctx context.Context, request []byte, begin func(), message func([]byte) error) error {
	wait := settling
	for try := 1; ; try++ {
		begin()
		seen := wire.NewRepeats(maphash.MakeSeed())
		err := c.dump(ctx, unix.NFT_MSG_GETSETELEM, request, func(b []byte) error {
			seen.Take(b)
			return message(b)
		})
		if err != nil || !seen.Any() {
			return err
		}
		if try == listings {
			return errMoved
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
}
