package nftlink

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Attributes as they stand on the wire of a little-endian machine: length and type in host
// order, padded to four bytes, values in network order.
func TestAppendAttrs(t *testing.T) {
	skipBigEndian(t)
	nested, at := openNest(nil, 7)
	nested = appendU32(nested, 1, 0x01020304)
	closeNest(nested, at)
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"bytes", appendAttr(nil, 3, []byte{1, 2, 3, 4, 5}), "0900 0300 0102030405 000000"},
		{"nothing", appendAttr(nil, 3, ""), "0400 0300"},
		{"string", appendString(nil, 1, "snat"), "0900 0100 736e617400 000000"},
		{"string that fills", appendString(nil, 1, "nat"), "0800 0100 6e617400"},
		{"u32", appendU32(nil, 2, 0x01020304), "0800 0200 01020304"},
		{"u64", appendU64(nil, 2, 0x0102030405060708), "0c00 0200 0102030405060708"},
		{"nest", nested, "0c00 0780 0800 0100 01020304"},
	} {
		if want := unhex(t, c.want); !slices.Equal(c.got, want) {
			t.Errorf("%s is %x, want %x", c.name, c.got, want)
		}
	}
}

func skipBigEndian(t *testing.T) {
	t.Helper()
	if nativeU32([]byte{1, 0, 0, 0}) != 1 {
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
			a := attrs{rest: unhex(t, c.input)}
			for a.next() {
				got = append(got, string(rune('0'+a.typ))+" "+hex.EncodeToString(a.val))
			}
			if !slices.Equal(got, c.want) || (a.err == errTruncated) != c.broken {
				t.Errorf("the walk gives %q, %v, want %q, broken %t", got, a.err, c.want, c.broken)
			}
		})
	}
}

func TestAttrValues(t *testing.T) {
	a := attrs{val: unhex(t, "0102030405060708")}
	if a.u32() != 0x01020304 || a.u64() != 0x0102030405060708 {
		t.Errorf("u32 and u64 are %x and %x", a.u32(), a.u64())
	}
	short := attrs{val: []byte{1, 2, 3}}
	if short.u32() != 0 || short.u64() != 0 {
		t.Errorf("of three bytes u32 and u64 are %x and %x, want 0", short.u32(), short.u64())
	}
	for val, want := range map[string]string{"": "", "\x00": "", "a": "a", "a\x00": "a", "a\x00b\x00\x00": "a\x00b"} {
		if got := (&attrs{val: []byte(val)}).str(); got != want {
			t.Errorf("the string of %q is %q, want %q", val, got, want)
		}
	}
	list := appendString(appendString(appendU32(nil, 1, 7), 2, "first"), 2, "second")
	if got := string(find(list, 2)); got != "first\x00" {
		t.Errorf("found is %q, want the first of its type", got)
	}
	if got := find(list, 3); got != nil {
		t.Errorf("found is %q, want nothing", got)
	}
}

func TestMessages(t *testing.T) {
	one := appendHeader(nil, 0xa0f, unix.NLM_F_ACK, 7, unix.NFPROTO_INET, 0)
	one[0] = byte(len(one))
	walk := func(b []byte) (seqs []uint32, err error) {
		err = messages(b, func(m message) bool {
			seqs = append(seqs, m.seq)
			return len(seqs) < 3
		})
		return seqs, err
	}
	four := slices.Concat(one, one, one, one)
	for _, c := range []struct {
		name  string
		input []byte
		seqs  int
		err   error
	}{
		{"nothing", nil, 0, nil},
		{"one", one, 1, nil},
		{"stopped", four, 3, nil},
		{"cut short", slices.Concat(one, one[:18]), 1, errTruncated},
		{"less than a header", one[:15], 0, nil},
		{"length zero does not loop", make([]byte, 64), 0, errTruncated},
	} {
		if seqs, err := walk(c.input); len(seqs) != c.seqs || err != c.err {
			t.Errorf("%s: there are %d messages, %v, want %d, %v", c.name, len(seqs), err, c.seqs, c.err)
		}
	}
	if m := errno([]byte{0xfe, 0xff, 0xff, 0xff}); m != unix.ENOENT {
		t.Errorf("the error is %v, want ENOENT", m)
	}
	if m := errno([]byte{1}); m != unix.EBADMSG {
		t.Errorf("an error cut short is %v, want EBADMSG", m)
	}
}

func TestIncrementDecrement(t *testing.T) {
	for _, c := range []struct{ key, next string }{
		{"\x00\x00", "\x00\x01"},
		{"\x00\xff", "\x01\x00"},
		{"\x0a\x00\xff\xff", "\x0a\x01\x00\x00"},
		{"\xff\xfe", "\xff\xff"},
		{"\x7f\xff\xff", "\x80\x00\x00"},
	} {
		if got, ok := increment(c.key); !ok || got != c.next {
			t.Errorf("behind %x comes %x, %t, want %x", c.key, got, ok, c.next)
		}
		if got := decrement(c.next); got != c.key {
			t.Errorf("before %x comes %x, want %x", c.next, got, c.key)
		}
	}
	if got, ok := increment("\xff\xff"); ok {
		t.Errorf("behind the last key comes %x", got)
	}
	if got := decrement("\x00\x00"); got != "\xff\xff" {
		t.Errorf("before the first key comes %x, want the last", got)
	}
}
