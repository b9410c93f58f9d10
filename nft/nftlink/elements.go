package nftlink

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
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
		seen := repeats{seed: maphash.MakeSeed(), keys: make(map[uint64]struct{})}
		err := c.dump(ctx, unix.NFT_MSG_GETSETELEM, request, func(b []byte) error {
			seen.message(b)
			return message(b)
		})
		if err != nil || !seen.any {
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

// repeats notices elements that are listed twice, by hashes of their keys. Should two keys
// have one hash, the set is listed once more, with other hashes.
type repeats struct {
	seed maphash.Seed
	keys map[uint64]struct{}
	any  bool
}

func (r *repeats) message(b []byte) {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for list := (nfnl.Attrs{Rest: nfnl.Find(b, unix.NFTA_SET_ELEM_LIST_ELEMENTS)}); list.Next(); {
		h.Reset()
		for a := (nfnl.Attrs{Rest: list.Val}); a.Next(); {
			switch a.Type {
			case unix.NFTA_SET_ELEM_KEY, setElemKeyEnd, unix.NFTA_SET_ELEM_FLAGS: // a range's end has the key of the next one's start
				h.WriteByte(byte(a.Type))
				h.Write(a.Val)
			}
		}
		sum := h.Sum64()
		_, twice := r.keys[sum]
		r.keys[sum] = struct{}{}
		r.any = r.any || twice
	}
}
