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
