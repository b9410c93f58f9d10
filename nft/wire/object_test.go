package wire

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/sample"
	"github.com/snatctl/snatctl/nfnl"
	"github.com/snatctl/snatctl/nft"
)

// objectMessage returns the attributes of the message that adds an object.
func objectMessage(t testing.TB, o nft.Object) []byte {
	t.Helper()
	b := newBatch("t", 1, 0, 0)
	at := len(b.b)
	if err := b.object(&nft.Op{Mark: nft.Add, Object: o}); err != nil {
		t.Fatal(err)
	}
	return b.b[at+unix.NLMSG_HDRLEN+nfnl.GenmsgLen:]
}

// decode(encode(x)) is x for every kind.
func TestObjects(t *testing.T) {
	coded := map[nft.ObjectKind]bool{}
	for _, o := range sample.Objects() {
		coded[o.Ref().Kind] = true
		got, name := DecodeObject(objectMessage(t, o))
		if name != o.Ref().Name || got != o.Bare() {
			t.Errorf("%#v is read as %#v, %q", o, got, name)
		}
	}
	for _, k := range nft.ObjectKinds() {
		if _, ok := objectCodecs[k]; !ok || !coded[k] {
			t.Errorf("%s has a codec: %t, a sample: %t", k, ok, coded[k])
		}
	}
	if len(objectCodecs) != len(nft.ObjectKinds()) {
		t.Errorf("there are %d codecs of %d kinds", len(objectCodecs), len(nft.ObjectKinds()))
	}
}

// What snatctl would not make so is no object of ours, but has a name.
func TestForeignObjects(t *testing.T) {
	slow := nft.Limit{Name: "x", Rate: 1, Unit: nft.PerSecond}
	with := func(o nft.Object, spoil func(b []byte) []byte) []byte {
		return spoil(objectMessage(t, o))
	}
	data := func(kind uint32, attributes ...[]byte) []byte {
		b := nfnl.AppendU32(nfnl.AppendString(nil, objName, "x"), objType, kind)
		b, at := nfnl.OpenNest(b, objData)
		for _, a := range attributes {
			b = append(b, a...)
		}
		nfnl.CloseNest(b, at)
		return b
	}
	for name, b := range map[string][]byte{
		"a quota":                   data(unix.NFT_OBJECT_QUOTA),
		"a kind of another century": data(300),
		"a limit of odd units":      data(unix.NFT_OBJECT_LIMIT, nfnl.AppendU64(nil, limitRate, 1), nfnl.AppendU64(nil, limitUnit, 7)),
		"a limit of other flags":    data(unix.NFT_OBJECT_LIMIT, nfnl.AppendU64(nil, limitUnit, 1), nfnl.AppendU32(nil, limitFlags, 2)),
		"a limit with more":         data(unix.NFT_OBJECT_LIMIT, nfnl.AppendU64(nil, limitUnit, 1), nfnl.AppendU32(nil, 9, 2)),
		"a SYN proxy of ECN":        data(10, nfnl.AppendU32(nil, synproxyFlags, 0x13)),
		"a SYN proxy of no window":  data(10, nfnl.AppendU32(nil, synproxyFlags, 1)),
		"timeouts of SCTP":          data(7, nfnl.AppendU8(nil, timeoutL4Proto, 132)),
		"a helper of bridges":       data(unix.NFT_OBJECT_CT_HELPER, nfnl.AppendString(nil, helperName, "ftp"), nfnl.AppendU16(nil, helperL3Proto, unix.NFPROTO_BRIDGE)),
		"a helper without a name":   data(unix.NFT_OBJECT_CT_HELPER, nfnl.AppendU16(nil, helperL3Proto, unix.NFPROTO_INET)),
		"userdata of others":        with(slow, func(b []byte) []byte { return nfnl.AppendAttr(b, objUserdata, "\x07\x01\x00") }),
		"more than a comment":       with(slow, func(b []byte) []byte { return nfnl.AppendAttr(b, objUserdata, "\x00\x02a\x00\x07\x01\x00") }),
	} {
		if o, name2 := DecodeObject(b); o != nil || name2 != "x" {
			t.Errorf("%s is read as %#v, %q", name, o, name2)
		}
	}
}

// Whatever bytes are read as an object are read as the same after writing it.
func FuzzObject(f *testing.F) {
	for _, o := range sample.Objects() {
		f.Add(objectMessage(f, o))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, _ := DecodeObject(data)
		if o == nil {
			return
		}
		_ = nft.ObjectString(o)
		if len(o.Remark()) > 250 || len(o.Ref().Name) > 250 {
			return
		}
		if again, _ := DecodeObject(objectMessage(t, o)); again == nil || again.Bare() != o.Bare() {
			t.Errorf("%#v is read as %#v after writing it", o, again)
		}
	})
}
