package compiler

import (
	"math/bits"
	"net/netip"

	"github.com/snatctl/snatctl/compiler/layout"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// room is about how many elements the big sets will hold. The zero value knows nothing.
type room struct {
	fronts [inet.V6 + 1]int // of services, by family
	slots  [inet.V6 + 1]int // of services without a lane, by family
	zones  int
}

// measure counts what a policy needs, as if each real server took one slot.
func (a *Arrangement) measure() (r room) {
	r.zones = len(a.policy.Zones)
	for i := range a.policy.Services {
		s := &a.policy.Services[i]
		for _, f := range inet.Families {
			fronts := len(s.Ports) * count(s.VIP, func(v *netip.Addr) bool { return inet.FamilyOf(*v) == f })
			if r.fronts[f] += fronts; fronts > 0 && !a.Lanes[s.Name].has(f) {
				r.slots[f] += fronts * count(s.RealServers, func(rs *policy.RealServer) bool { return inet.FamilyOf(rs.Addr) == f })
			}
		}
	}
	return r
}

// sizedFrom is from how many elements on a set is declared with a size.
const sizedFrom = 1024

// sizeFor returns the size that a set is declared with; 0: none. With a size the kernel takes a hash that
// never grows (nft_hash_init). Without one it takes one that has to grow while elements enter, and cannot: the
// work is queued for the processor that is busy entering them (rhashtable_insert_rehash), so that each looks
// into all the hashes that wait to be merged. The size leaves room for half as many again at least. It is
// three quarters of a power of two, which is how many buckets the kernel then makes (nft_hash_buckets).
func sizeFor(elements int) uint32 {
	if elements < sizedFrom {
		return 0
	}
	return 3 << (bits.Len(uint(2*elements-1)) - 2)
}

func count[T any](list []T, is func(*T) bool) (n int) {
	for i := range list {
		if is(&list[i]) {
			n++
		}
	}
	return n
}

// of returns about how many elements a set will hold; 0 where it is not one of the big ones.
func (r *room) of(name layout.Name) int {
	switch v := name.Variant; {
	case v.Ports != layout.ExactPorts:
		return 0
	case name.Kind == layout.Services, name.Kind == layout.VIPs:
		return r.fronts[name.Family]
	case name.Kind == layout.Slots && v.Part != "":
		return r.slots[name.Family] / maxParts * 9 / 8 // names are not dealt out quite evenly
	case name.Kind == layout.Slots:
		return r.slots[name.Family]
	case name == layout.Zones.Of(inet.V4):
		return r.zones
	}
	return 0
}
