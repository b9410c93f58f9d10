package wire

import "testing"

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
