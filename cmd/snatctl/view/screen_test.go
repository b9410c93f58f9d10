package view

import (
	"testing"
	"time"
)

// A screen gets as many lines as it has, the last one telling of the rest.
func TestScreen(t *testing.T) {
	for _, c := range []struct {
		rows int
		want string
	}{
		{4, "\x1b[Hhead\x1b[K\r\na\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J"},
		{9, "\x1b[Hhead\x1b[K\r\na\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J"},
		{3, "\x1b[Hhead\x1b[K\r\na\x1b[K\r\n… 2 lines more (a larger window shows them, or `snatctl top`)\x1b[K\x1b[J"},
		{1, "\x1b[H… 4 lines more (a larger window shows them, or `snatctl top`)\x1b[K\x1b[J"},
	} {
		if got := string(inPlace("head", []byte("a\nb\nc\n"), c.rows)); got != c.want {
			t.Errorf("%d rows: got %q, want %q", c.rows, got, c.want)
		}
	}
	if s := slow(1500 * time.Millisecond); s != "a look takes 1.5s" {
		t.Error(s)
	}
}
