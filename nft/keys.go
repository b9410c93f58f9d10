package nft

import (
	"hash/maphash"
	"math/bits"
)

// keys finds elements by their keys. It is a hash table that points into the list: a Go map of the same
// strings is eight times as large, and for most elements of a big set it is the caches that decide.
type keys struct {
	seed  maphash.Seed
	in    []Element
	table []keyAt // a power of two, filled by half at most: there is always a free place to end at
}

// keyAt is a place of the table. The zero value is free.
type keyAt struct {
	hash uint32 // tells most keys apart without a look at them
	next int32  // the element's index + 1
}

// indexKeys returns the index of some elements.
func indexKeys(in []Element) keys {
	k := keys{seed: maphash.MakeSeed(), in: in, table: make([]keyAt, 2<<bits.Len(uint(len(in))))}
	for i := range in {
		hash, at := k.of(in[i].Key)
		for k.table[at].next != 0 {
			at = k.from(at + 1)
		}
		k.table[at] = keyAt{hash, int32(i + 1)}
	}
	return k
}

// find returns the index of the element with that key.
func (k *keys) find(key string) (int, bool) {
	hash, at := k.of(key)
	for ; k.table[at].next != 0; at = k.from(at + 1) {
		if p := k.table[at]; p.hash == hash && k.in[p.next-1].Key == key {
			return int(p.next - 1), true
		}
	}
	return 0, false
}

// of returns a key's hash, and where its place is unless others were there before.
func (k *keys) of(key string) (hash uint32, at int) {
	h := maphash.String(k.seed, key)
	return uint32(h >> 32), k.from(int(h))
}

// from returns the place for a number, the first one behind the last.
func (k *keys) from(n int) int { return n & (len(k.table) - 1) }
