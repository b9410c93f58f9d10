package translate

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// Tell has the real servers of a FULLNAT service learn who called, as all forks with FULLNAT do unless a sysctl says otherwise, and
// returns the code of what becomes of that. It is empty where the fork does not tell, either: TOA is an option of TCP
// (LVS: tcp_fnat_in_handler in ip_vs_proto_tcp.c, where sysctl_ip_vs_toa_entry is 1; DPVS: the same, without a switch), and DPVS
// alone has one for UDP.
func (s *Service) Tell(d Dialect) (code string) {
	switch proto := s.proto(); {
	case s.ByMark():
		return "M054"
	case proto == inet.UDP && d == DPVS:
		return "M056"
	case proto != inet.TCP:
		return ""
	}
	s.ClientAddress = policy.ClientTOA
	if d != DPVS && slices.ContainsFunc(s.VIP, netip.Addr.Is6) {
		return "M055"
	}
	return "M038"
}

// proto returns the protocol of a service's ports; 0 for a service by mark.
func (s *Service) proto() inet.Proto {
	if s.ByMark() {
		return 0
	}
	return s.Ports[0].Proto
}
