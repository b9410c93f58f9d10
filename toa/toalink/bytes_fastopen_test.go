package toalink

import (
	"slices"
	"strings"
	"testing"

	"github.com/snatctl/snatctl/internal/nstest"
	"github.com/snatctl/snatctl/toa"
)

// Options of TCP Fast Open as Linux writes them behind the others (RFC 7413, 4.1.1), with their padding.
var (
	asks   = append(slices.Clone(usual), 34, 2, 1, 1)                               // for a cookie: 24 bytes
	cookie = append(slices.Clone(usual), 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1)      // one of Linux: 32 bytes
	sacked = append(slices.Clone(stamp), 1, 1, 5, 26, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, // an ACK with holes: 40 bytes
		0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6)
)

// A SYN with data has the option as each other has, if its cookie leaves room: that of Linux does over IPv4. What follows
// an accepted SYN with data begins behind that, and has none; what repeats data that was not accepted has it. A SYN
// that comes again without the cookie has room.
func TestBytesFastOpen(t *testing.T) {
	w := nstest.NewWires(t, "wan0", "dc0")
	telling(t, w.Gateway)
	data := strings.Repeat("data ", 200)
	for _, family := range families {
		x := connect(t, w, family, 40000)
		room := len(x.option) == toa.Len4
		x.forward("a SYN that asks for a cookie", nstest.SYN, 5000, asks, "", room)
		x.answers(cookie)
		x.answers(cookie) // once more, since the ACK was lost
		x.forward("its ACK", nstest.ACK, 5001, stamp, "", true)
		x.forward("an ACK with all the options there can be", nstest.ACK, 5001, sacked, "", false)

		x = connect(t, w, family, 40001)
		x.forward("a SYN with cookie and data", nstest.SYN, 5000, cookie, data, room)
		x.answers(usual)
		x.forward("the ACK of a SYN whose data was accepted", nstest.ACK, 5001+uint32(len(data)), stamp, "", false)
		x.forward("more data", nstest.ACK, 5001+uint32(len(data)), stamp, data, false)

		x = connect(t, w, family, 40002)
		x.forward("a SYN with cookie and data that is lost", nstest.SYN, 5000, cookie, data, room)
		x.forward("the SYN again, without both", nstest.SYN, 5000, usual, "", true)
		x.answers(usual)
		x.forward("the data", nstest.ACK, 5001, stamp, data, true)
		x.forward("the data again", nstest.ACK, 5001, stamp, data, true)

		x = connect(t, w, family, 40003)
		full := 1500 - 40 - len(cookie)
		if !room {
			full -= 20
		}
		x.forward("a SYN with cookie and as much data as fits", nstest.SYN, 5000, cookie, strings.Repeat("x", full), false)
	}
}
