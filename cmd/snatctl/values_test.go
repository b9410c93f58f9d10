package main

import "testing"

func TestByteSize(t *testing.T) {
	for s, want := range map[string]int{"": 0, "65536": 65536, "64K": 64 << 10, "16M": 16 << 20, "1G": 1 << 30} {
		if got, err := byteSize(s); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"0", "M", "-1", "2G", "1.5M", "64k"} {
		if got, err := byteSize(s); err == nil {
			t.Errorf("%q is read as %d", s, got)
		}
	}
}
