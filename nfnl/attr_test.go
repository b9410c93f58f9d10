package nfnl

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/internal/golden"
)

// Attributes as they stand on the wire of a little-endian machine: length and type in host
// order, padded to four bytes, values in network order.
func TestAppendAttrs(t *testing.T) {
	skipBigEndian(t)
	nested, at := OpenNest(nil, 7)
	nested = AppendU32(nested, 1, 0x01020304)
	CloseNest(nested, at)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"bytes", AppendAttr(nil, 3, []byte{1, 2, 3, 4, 5}), "0900 0300 0102030405 000000"},
		{"nothing", AppendAttr(nil, 3, ""), "0400 0300"},
		{"string", AppendString(nil, 1, "snat"), "0900 0100 736e617400 000000"},
		{"string that fills", AppendString(nil, 1, "nat"), "0800 0100 6e617400"},
		{"u32", AppendU32(nil, 2, 0x01020304), "0800 0200 01020304"},
		{"u64", AppendU64(nil, 2, 0x0102030405060708), "0c00 0200 0102030405060708"},
		{"nest", nested, "0c00 0780 0800 0100 01020304"},
	} {
		if want := golden.Unhex(t, c.want); !slices.Equal(c.got, want) {
			t.Errorf("%s is %x, want %x", c.name, c.got, want)
		}
	}
}

func skipBigEndian(t *testing.T) {
	t.Helper()
	if binary.NativeEndian.Uint32([]byte{1, 0, 0, 0}) != 1 {
		t.Skip("the bytes of this test are those of a little-endian machine")
	}
}

func TestWalkAttrs(t *testing.T) {
	skipBigEndian(t)
	for _, c := range []struct {
		name, input string
		want        []string // type and value
		broken      bool
	}{
		{"nothing", "", nil, false},
		{"one", "0800 0100 61626300", []string{"1 61626300"}, false},
		{"padding", "0500 0100 61000000 0600 0200 62620000", []string{"1 61", "2 6262"}, false},
		{"padding missing at the end", "0500 0100 61", []string{"1 61"}, false},
		{"flags are no part of the type", "0400 0180 0400 0240", []string{"1 ", "2 "}, false},
		{"less than a header", "040001", nil, false},
		{"length below the header's", "0300 0100 61626300", nil, true},
		{"length zero does not loop", "0000 0000 0000 0000", nil, true},
		{"longer than what is there", "0900 0100 61626300", nil, true},
		{"the second is cut short", "0400 0100 ffff 0200 00", []string{"1 "}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			a := Attrs{Rest: golden.Unhex(t, c.input)}
			for a.Next() {
				got = append(got, string(rune('0'+a.Type))+" "+hex.EncodeToString(a.Val))
			}
			if !slices.Equal(got, c.want) || (a.Err == ErrTruncated) != c.broken {
				t.Errorf("the walk gives %q, %v, want %q, broken %t", got, a.Err, c.want, c.broken)
			}
		})
	}
}

func TestAttrValues(t *testing.T) {
	a := Attrs{Val: golden.Unhex(t, "0102030405060708")}
	if a.U32() != 0x01020304 || a.U64() != 0x0102030405060708 {
		t.Errorf("u32 and u64 are %x and %x", a.U32(), a.U64())
	}
	short := Attrs{Val: []byte{1, 2, 3}}
	if short.U32() != 0 || short.U64() != 0 {
		t.Errorf("of three bytes u32 and u64 are %x and %x, want 0", short.U32(), short.U64())
	}
	for val, want := range map[string]string{"": "", "\x00": "", "a": "a", "a\x00": "a", "a\x00b\x00\x00": "a\x00b"} {
		if got := (&Attrs{Val: []byte(val)}).Str(); got != want {
			t.Errorf("the string of %q is %q, want %q", val, got, want)
		}
	}
	list := AppendString(AppendString(AppendU32(nil, 1, 7), 2, "first"), 2, "second")
	if got := string(Find(list, 2)); got != "first\x00" {
		t.Errorf("found is %q, want the first of its type", got)
	}
	if got := Find(list, 3); got != nil {
		t.Errorf("found is %q, want nothing", got)
	}
}

func TestErrno(t *testing.T) {
	if m := Errno([]byte{0xfe, 0xff, 0xff, 0xff}); m != unix.ENOENT {
		t.Errorf("the error is %v, want ENOENT", m)
	}
	if m := Errno([]byte{1}); m != unix.EBADMSG {
		t.Errorf("an error cut short is %v, want EBADMSG", m)
	}
}
