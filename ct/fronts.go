package ct

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/snatctl/snatctl/inet"
)

// doors are the fronts of IPv4 in a table of open addressing, 12 bytes each: with 30,000 services
// most of what a lookup costs is waiting for memory, and here it is one line of the cache. The
// zero value has none.
type doors struct {
	table []door // a power of two, at most half of it taken
	shift int    // of a hash, to an index
}

// door is a front, and the card of its service. Port 0 means any.
type door struct {
	vip   uint32
	port  uint16
	proto inet.Proto
	taken bool
	of    card
}

// newDoors makes a table for that many fronts.
func newDoors(n int) doors {
	size := bits.Len(uint(2*n + 1))
	return doors{make([]door, 1<<size), 64 - size}
}

// at returns where a front is, or would be.
func (d *doors) at(vip netip.Addr, proto inet.Proto, port uint16) *door {
	b := vip.As4()
	want := door{vip: binary.BigEndian.Uint32(b[:]), port: port, proto: proto, taken: true}
	// Fibonacci hashing (Knuth, TAOCP 6.4): neighbours come to lie far apart.
	hash := (uint64(want.vip)<<24 | uint64(port)<<8 | uint64(proto)) * 0x9E3779B97F4A7C15
	for i := hash >> d.shift; ; i = (i + 1) & uint64(len(d.table)-1) {
		is := &d.table[i]
		if !is.taken || is.vip == want.vip && is.port == port && is.proto == proto {
			return is
		}
	}
}

// enter notes a front, unless another service has it.
func (d *doors) enter(f front, of card) {
	if to := d.at(f.vip, f.proto, f.port); !to.taken {
		b := f.vip.As4()
		*to = door{binary.BigEndian.Uint32(b[:]), f.port, f.proto, true, of}
	}
}

// get returns the card of a front's service, or none.
func (d *doors) get(f front) card {
	if len(d.table) == 0 {
		return none
	}
	if is := d.at(f.vip, f.proto, f.port); is.taken {
		return is.of
	}
	return none
}
