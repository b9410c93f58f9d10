package nft

import (
	"strconv"
	"testing"
)

func TestKeys(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 1000} {
		var in []Element
		for i := range n {
			in = append(in, Element{Key: strconv.Itoa(i)})
		}
		if n > 1 {
			in[1].Key = "" // all keys that no other element has
		}
		k := indexKeys(in)
		for i, e := range in {
			if at, ok := k.find(e.Key); !ok || at != i {
				t.Errorf("of %d: %q is at %d, %v, not at %d", n, e.Key, at, ok, i)
			}
		}
		for i := range 2 * n {
			if at, ok := k.find("no" + strconv.Itoa(i)); ok {
				t.Errorf("of %d: no%d is at %d, but was never entered", n, i, at)
			}
		}
	}
}
