package toalink

import (
	"encoding/binary"

	"github.com/snatctl/snatctl/toa"
)

// Count is what became of a service's packets toward its real servers (struct count of toa.c).
type Count struct {
	SYN   uint64 // SYNs with the option
	First uint64 // packets behind the handshake with the option
	// Packets that passed without it:
	Options uint64 // since 40 bytes of options have no room left
	Size    uint64 // since the interface takes no larger ones
	Failed  uint64 // since the kernel had no memory
}

func (c *Count) add(d Count) {
	c.SYN += d.SYN
	c.First += d.First
	c.Options += d.Options
	c.Size += d.Size
	c.Failed += d.Failed
}

// serviceKey is struct service_key of toa.c: bits, address, port, two bytes of nothing.
func serviceKey(k toa.Key) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(k.Bits))
	a := k.VIP.As16()
	b = append(b, a[:]...)
	b = binary.BigEndian.AppendUint16(b, k.Port)
	return append(b, 0, 0)
}

// Counts returns what the programs of a table have counted, by service ID. Without CAP_SYS_ADMIN it fails
// with an error that is os.ErrPermission.
func Counts(table string) (map[uint64]Count, error) {
	all, err := everywhere(table)
	if err != nil {
		return nil, err
	}
	sums, seen := make(map[uint64]Count), make(map[int]bool)
	for _, at := range all {
		if seen[at.ours[0].Id] {
			continue // one program stands at several interfaces
		}
		seen[at.ours[0].Id] = true
		h, err := hold(at)
		if err != nil {
			return nil, err
		}
		var id uint64
		var each []Count
		for it := h.counts.Iterate(); it.Next(&id, &each); {
			sum := sums[id]
			for _, c := range each {
				sum.add(c)
			}
			sums[id] = sum
		}
		h.Close()
	}
	return sums, nil
}
