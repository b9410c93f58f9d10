package policy

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// Hairpin says which callers of a NAT service get the address of the interface that its real
// servers are reached through. Without it a real server answers a caller on its own network
// directly, past the gateway: the caller called the VIP, and drops the answer. The zero value
// names nobody.
type Hairpin struct {
	Servers bool         // the service's real servers, those that drain too
	From    []inet.Range // or sources, whether real servers or not
}

// IsZero tells whether nobody is named.
func (h Hairpin) IsZero() bool { return !h.Servers && len(h.From) == 0 }

// Hairpins returns the callers of one family that get another source, sorted: real servers one
// by one, or the ranges written, joined where they touch. There are none where the service has
// no real server of that family.
func (s *Service) Hairpins(f inet.Family) []inet.Range {
	if s.Hairpin.IsZero() {
		return nil
	}
	var servers []inet.Range
	for _, rs := range s.RealServers {
		if inet.FamilyOf(rs.Addr) == f {
			servers = append(servers, inet.AddrRange(rs.Addr))
		}
	}
	switch {
	case len(servers) == 0:
		return nil
	case s.Hairpin.Servers:
		slices.SortFunc(servers, inet.Range.Compare)
		return slices.Compact(servers)
	}
	return inet.Merge(inet.Of(f, s.Hairpin.From))
}

// IsServer tells whether an address is one of the service's real servers.
func (s *Service) IsServer(a netip.Addr) bool {
	return slices.ContainsFunc(s.RealServers, func(rs RealServer) bool { return rs.Addr == a })
}
