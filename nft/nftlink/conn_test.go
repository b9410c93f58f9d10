package nftlink

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/snatctl/snatctl/nfnl"
)

func TestMessages(t *testing.T) {
	one := nfnl.AppendHeader(nil, 0xa0f, unix.NLM_F_ACK, 7, unix.NFPROTO_INET, 0)
	one[0] = byte(len(one))
	walk := func(b []byte) (seqs []uint32, err error) {
		err = messages(b, func(m nfnl.Message) bool {
			seqs = append(seqs, m.Seq)
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
		{"cut short", slices.Concat(one, one[:18]), 1, nfnl.ErrTruncated},
		{"less than a header", one[:15], 0, nil},
		{"length zero does not loop", make([]byte, 64), 0, nfnl.ErrTruncated},
	} {
		if seqs, err := walk(c.input); len(seqs) != c.seqs || err != c.err {
			t.Errorf("%s: there are %d messages, %v, want %d, %v", c.name, len(seqs), err, c.seqs, c.err)
		}
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
