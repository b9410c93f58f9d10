package wire

import (
	"encoding/binary"
	"testing"
)

// TestNoNew reads what iptables keeps of `--ctstate` and `--state`.
func TestNoNew(t *testing.T) {
	const established, related, fresh, dnat, untracked = 1 << 1, 1 << 2, 1 << 3, 1 << 7, 1 << 8
	conntrack := func(asked, inverted, states uint16) []byte {
		b := make([]byte, 164)
		for at, v := range map[int]uint16{146: asked, 148: inverted, 150: states} {
			binary.NativeEndian.PutUint16(b[at:], v)
		}
		return b
	}
	old := conntrack(1, 0, 0)
	old[150] = established
	for _, c := range []struct {
		name, match string
		revision    uint8
		info        []byte
		want        bool
	}{
		{"--ctstate ESTABLISHED,RELATED", "conntrack", 3, conntrack(1, 0, established|related), true},
		{"--ctstate ESTABLISHED,NEW", "conntrack", 3, conntrack(1, 0, established|fresh), false},
		{"--ctstate ESTABLISHED,UNTRACKED", "conntrack", 2, conntrack(1, 0, established|untracked), false},
		{"--ctstate DNAT", "conntrack", 3, conntrack(1, 0, dnat), false},
		{"! --ctstate NEW,UNTRACKED", "conntrack", 3, conntrack(1, 1, fresh|untracked), true},
		{"! --ctstate INVALID", "conntrack", 3, conntrack(1, 1, 1), false},
		{"--ctstatus alone", "conntrack", 3, conntrack(2, 0, 0), false},
		{"an early revision", "conntrack", 1, old, true},
		{"a revision without such a layout", "conntrack", 0, conntrack(1, 0, established), false},
		{"cut short", "conntrack", 3, conntrack(1, 0, established)[:150], false},
		{"--state ESTABLISHED", "state", 0, binary.NativeEndian.AppendUint32(nil, established), true},
		{"--state ESTABLISHED,NEW", "state", 0, binary.NativeEndian.AppendUint32(nil, established|fresh), false},
		{"nothing", "state", 0, nil, false},
		{"another match", "tcp", 0, conntrack(1, 0, established), false},
	} {
		if got := NoNew(c.match, c.revision, c.info); got != c.want {
			t.Errorf("%s: holds for no new connection %v, want %v", c.name, got, c.want)
		}
	}
}
