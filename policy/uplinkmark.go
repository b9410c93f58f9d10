package policy

// UplinkMask has the bits of marks, of packets and of flows, that say by which uplink a connection leaves:
// its number of Numbers; 0: none. All others belong to others.
const UplinkMask = 0xff000000

// UplinkMark is the mark of an uplink that has a number.
func UplinkMark(number int) uint32 { return uint32(number) << 24 }

// MarkedUplink is the number of the uplink that a mark names; 0: none.
func MarkedUplink(mark uint32) int { return int(mark >> 24) }
