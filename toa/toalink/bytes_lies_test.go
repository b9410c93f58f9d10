package toalink

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
)

// A client cannot lie: of options like ours none but ours arrives, whether there was room for that or not. Packets that
// would hide theirs from the program go nowhere.
func TestBytesLies(t *testing.T) {
	w := nstest.NewWires(t, "wan0", "dc0")
	telling(t, w.Gateway)
	must(t, w.Gateway.Sysctl("net/netfilter/nf_conntrack_tcp_be_liberal", "1")) // segments out of the window are translated, too
	lies := [][]byte{{254, 8, 0, 80, 1, 1, 1, 1}, append([]byte{254, 20, 0, 80}, make([]byte, 16)...)}
	for _, family := range families {
		for i, lie := range lies {
			x := connect(t, w, family, uint16(40000+10*i))
			harmless := slices.Clone(lie)
			harmless[0] = 253
			again := func(with []byte) []byte { return slices.Concat([]byte{2, 4, 5, 180, 1}, with, []byte{3, 3, 7}) } // at an odd place, and even
			room := len(again(lie))+len(x.option) <= 40
			x.turns("a SYN that lies", nstest.SYN, 5000, again(lie), again(harmless), "", room)
			full := func(with []byte) []byte { return slices.Concat(with, slices.Repeat([]byte{1}, 40-len(with))) }
			x.turns("a SYN that lies and has no room", nstest.SYN, 5000, full(lie), full(harmless), "", false)
			x.forward("a SYN with options of the same kind that are none", nstest.SYN, 5000, []byte{254, 4, 226, 212, 254, 6, 195, 217, 0, 0, 1, 1}, "", true)
			x.answers(usual)
			x.turns("an ACK that lies", nstest.ACK, 5001, lie, harmless, "", len(lie)+len(x.option) <= 40)
			x.turns("data that lies and comes first", nstest.ACK, 5011, lie, harmless, "data", false)
			x.turns("a packet that begins before", nstest.ACK, 4999, lie, harmless, "data", false)
			x.forward("a packet far behind the handshake", nstest.ACK, 5001+1<<16, lie, "data", false)

			// What is sent to the real server past the service.
			past := *x
			past.vip, past.laddr = x.server, x.client
			past.client = x.client
			past.turns("a SYN past the service", nstest.SYN, 5000, lie, harmless, "", false)

			hidden := connect(t, w, family, uint16(40001+10*i))
			syn := insert(nstest.CraftSegment(hidden.client, hidden.vip, nstest.SYN, 5000, 0, ""), lie...)
			if syn[0]>>4 == 6 {
				for headers := 1; headers < 7; headers++ {
					must(t, w.Send("wan0", extend(syn, headers)))
				}
			} else {
				for _, part := range fragments(syn, 24) {
					must(t, w.Send("wan0", part))
				}
			}
			hidden.forward("and the next one", nstest.SYN, 5000, usual, "", true)
		}
	}
}

// extend puts destination options that say nothing in front of TCP (RFC 8200, 4.6).
func extend(p []byte, headers int) []byte {
	p = slices.Clone(p)
	for range headers {
		p = slices.Insert(p, 40, p[6], 0, 1, 4, 0, 0, 0, 0)
		p[6] = 60
	}
	binary.BigEndian.PutUint16(p[4:], uint16(len(p)-40))
	return p
}

// fragments cuts an IPv4 packet behind some bytes of its payload.
func fragments(p []byte, at int) [2][]byte {
	cut := func(payload []byte, flags uint16) []byte {
		f := append(slices.Clone(p[:20]), payload...)
		binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
		binary.BigEndian.PutUint16(f[6:], flags)
		binary.BigEndian.PutUint16(f[10:], 0)
		binary.BigEndian.PutUint16(f[10:], sum(f[:20]))
		return f
	}
	return [2][]byte{cut(p[20:20+at], 0x2000), cut(p[20+at:], uint16(at/8))}
}
