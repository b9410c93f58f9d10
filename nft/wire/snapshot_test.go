package wire

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

// Linux 5.10 returns the ends of ranges with a counter, and takes them back without it only.
func TestSnapshotEnds(t *testing.T) {
	element := func(flags uint32, counted bool) []byte {
		var b []byte
		if flags != 0 {
			b = nfnl.AppendU32(b, elemFlags, flags)
		}
		b, at := nfnl.OpenNest(b, elemKey)
		b = nfnl.AppendAttr(b, dataValue, []byte{10, 0, 0, 0})
		nfnl.CloseNest(b, at)
		if counted {
			b = nfnl.AppendAttr(b, elemExpr, []byte("counter\x00"))
		}
		return b
	}
	b, list := nfnl.OpenNest(nil, listElements)
	for _, flags := range []uint32{0, unix.NFT_SET_ELEM_INTERVAL_END} {
		b = nfnl.AppendAttr(b, listElem, element(flags, true))
	}
	nfnl.CloseNest(b, list)
	s := new(SavedSet)
	if err := s.Take(b); err != nil || len(s.elements) != 2 {
		t.Fatalf("%d elements, %v", len(s.elements), err)
	}
	if want := element(0, true); !bytes.Equal(s.elements[0], want) {
		t.Errorf("the beginning is %x, want %x", s.elements[0], want)
	}
	if want := element(unix.NFT_SET_ELEM_INTERVAL_END, false); !bytes.Equal(s.elements[1], want) {
		t.Errorf("the end is %x, want %x", s.elements[1], want)
	}
}
