package wire

import (
	"hash/maphash"

	"github.com/snatctl/snatctl/nfnl"
)

// Repeats notices elements that are listed twice, by hashes of their keys. Should two keys
// have one hash, it errs; not again with another seed. NewRepeats makes one.
type Repeats struct {
	seed maphash.Seed
	keys map[uint64]struct{}
	any  bool
}

// NewRepeats returns a Repeats that has seen nothing.
func NewRepeats(seed maphash.Seed) *Repeats {
	return &Repeats{seed: seed, keys: make(map[uint64]struct{})}
}

// Any tells whether some element was listed twice.
func (r *Repeats) Any() bool { return r.any }

// Take takes one message of a dump of elements.
func (r *Repeats) Take(b []byte) {
	var h maphash.Hash
	h.SetSeed(r.seed)
	for list := (nfnl.Attrs{Rest: nfnl.Find(b, listElements)}); list.Next(); {
		h.Reset()
		for a := (nfnl.Attrs{Rest: list.Val}); a.Next(); {
			switch a.Type {
			case elemKey, elemKeyEnd, elemFlags: // a range's end has the key of the next one's start
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
