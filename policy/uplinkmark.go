package policy

// What marks, of packets and of flows, say about uplinks where a policy has some as objects: the top byte.
// All other bits belong to others.
const (
	UplinkBits   = 0xff000000 // all that is said
	UplinkMask   = 0x7f000000 // by which uplink a connection leaves: its number of Numbers; 0: none
	UplinkCameIn = 0x80000000 // it is another's, and came in by that uplink: its answers leave by it
)

// UplinkMark is the mark of what leaves by the uplink that has a number.
func UplinkMark(number int) uint32 { return uint32(number) << 24 }

// MarkedUplink is the number of the uplink that a mark names; 0: none.
func MarkedUplink(mark uint32) int { return int(mark & UplinkMask >> 24) }
