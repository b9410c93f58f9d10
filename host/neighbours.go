package host

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/snatctl/snatctl/policy/lint"
)

// there are the states of a neighbour that has answered once (ip-neighbour(8)).
const there = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT

// neighbours lists who is on the links of this host, as far as the kernel has met them.
func neighbours(h *lint.Host) error {
	h.Neighbours = []netip.Addr{}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		all, err := whole(func() ([]netlink.Neigh, error) { return netlink.NeighList(0, family) })
		if err != nil {
			h.Neighbours = nil
			return fmt.Errorf("list neighbours: %w", err)
		}
		for _, n := range all {
			if a := addrOf(n.IP); a.IsValid() && n.State&there != 0 && n.Flags&netlink.NTF_PROXY == 0 {
				h.Neighbours = append(h.Neighbours, a)
			}
		}
	}
	slices.SortFunc(h.Neighbours, netip.Addr.Compare)
	h.Neighbours = slices.Compact(h.Neighbours)
	return nil
}
