package health

import (
	"net/netip"
	"os"
	"testing"
)

func TestICMP(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, or net.ipv4.ping_group_range")
	}
	for _, to := range []string{"127.0.0.1:0", "[::1]:0"} {
		if got := once(t, Check{Type: ICMP}, to); got != "" {
			t.Errorf("%s: %s", to, got)
		}
	}
}

// TestPingAnswers judges packets that sockets for pings and raw ones get.
func TestPingAnswers(t *testing.T) {
	const n = 0x10002
	reply := []byte{0, 0, 0, 0, 0, 1, 0, 2, 'x'}
	with := func(i int, b byte) []byte {
		out := append([]byte(nil), reply...)
		out[i] = b
		return out
	}
	header := append([]byte{0x46}, make([]byte, 23)...)
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"reply", reply, true},
		{"with a header that has options", append(header, reply...), true},
		{"request", with(0, 8), false},
		{"late reply", with(7, 1), false},
		{"empty", nil, false},
		{"cut", reply[:5], false},
		{"header alone", header, false},
	} {
		if got := answers(c.b, netip.MustParseAddr("192.0.2.1"), n); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
