package wire

import (
	"reflect"
	"testing"

	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// decode(encode(x)) is x for every kind of set that snatctl declares.
func TestDeclarations(t *testing.T) {
	keys := [][]nft.Type{{nft.IPv4}, {nft.IPv6}, {nft.Ifname}, {nft.Slot}, {nft.IPv4, nft.Proto}, {nft.IPv6, nft.Proto, nft.Service},
		{nft.IPv4, nft.Proto, nft.Service, nft.Slot}, {nft.IPv6, nft.Proto, nft.Slot}, {nft.FwMark}, {nft.FwMark, nft.IPv6, nft.Service}, {nft.FwMark, nft.Slot}}
	for _, key := range keys {
		for d := nft.NoData; d <= nft.AddrRange4Port; d++ {
			for _, interval := range []bool{false, true} {
				for _, counter := range []bool{false, true} {
					s := &nft.Set{Name: "zones4/ports", Key: key, Data: d, Interval: interval, Counter: counter}
					got, anonymous := DecodeSet(appendSet(nfnl.AppendString(nil, 2, s.Name), s, 1))
					if anonymous || !reflect.DeepEqual(got, s) {
						t.Errorf("%+v is read as %+v, anonymous %t", s, got, anonymous)
					}
				}
			}
		}
	}
}

// Maps of objects are read as what they were, where nft can write them.
func TestDeclarationsOfObjectMaps(t *testing.T) {
	for _, k := range nft.ObjectKinds() {
		s := &nft.Set{Name: "by", Key: []nft.Type{nft.IPv4}, Data: nft.ObjectData, Objects: k}
		got, _ := DecodeSet(appendSet(nfnl.AppendString(nil, setName, s.Name), s, 1))
		if !k.HasMaps() {
			s.Key = nil
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("%+v is read as %+v", s, got)
		}
	}
}

// What snatctl does not declare like this has no key, and so equals nothing that it does.
func TestForeignDeclarations(t *testing.T) {
	ours := func(more ...func(b []byte) []byte) []byte {
		b := appendSet(nfnl.AppendString(nil, 2, "zones4"), &nft.Set{Key: []nft.Type{nft.IPv4}, Data: nft.Addr4}, 1)
		for _, f := range more {
			b = f(b)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"no attributes":  nil,
		"with a timeout": ours(func(b []byte) []byte { return nfnl.AppendU64(b, 11, 1000) }),
		"other flags":    ours(func(b []byte) []byte { return nfnl.AppendU32(b, 3, 8|2) }),
		"another type":   ours(func(b []byte) []byte { return nfnl.AppendU32(b, 4, 9) }),
		"another length": ours(func(b []byte) []byte { return nfnl.AppendU32(b, 5, 16) }),
		"of objects":     ours(func(b []byte) []byte { return nfnl.AppendU32(b, 15, 1) }),
		"that limits": ours(func(b []byte) []byte {
			b, at := nfnl.OpenNest(b, 17)
			b = nfnl.AppendString(b, 1, "limit")
			nfnl.CloseNest(b, at)
			return b
		}),
	} {
		if s, _ := DecodeSet(b); s.Key != nil {
			t.Errorf("a set %s is read as one of ours: %+v", name, s)
		}
	}
	if s, anonymous := DecodeSet(ours(func(b []byte) []byte { return nfnl.AppendU32(b, 3, 1|8) })); !anonymous {
		t.Errorf("an anonymous set is read as %+v", s)
	}
}
