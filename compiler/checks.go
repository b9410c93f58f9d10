package compiler

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
)

// checkRule lets health checks go where they are sent. It comes before services are looked up
// for what the gateway itself sends.
func checkRule() []nft.Stmt {
	return []nft.Stmt{nft.PriorityIs{Priority: inet.CheckPriority}, nft.Give{Verdict: nft.Verdict{Kind: nft.Accept}}}
}

// checksMeetVIPs tells whether the gateway checks a server under an address that is the VIP of
// another service, or whether a service by mark could take its checks. In most policies none is and none could,
// and the table needs no rule for checks. It looks at addresses alone, since a check may call another port than
// clients do, and at sorry servers, too, since a state may list them among the real ones: the answer depends on no
// state.
func checksMeetVIPs(services []policy.Service) bool {
	var checked []*policy.Service
	byMark := false
	for i := range services {
		s := &services[i]
		if byMark = byMark || s.ByMark(); s.HealthCheck != nil {
			checked = append(checked, s)
		}
	}
	if len(checked) == 0 || byMark { // others may mark checks, too
		return len(checked) > 0
	}
	vips := map[netip.Addr]bool{}
	for i := range services {
		for _, vip := range services[i].VIP {
			vips[vip] = true
		}
	}
	isVIP := func(rs policy.RealServer) bool { return vips[rs.Addr] }
	return slices.ContainsFunc(checked, func(s *policy.Service) bool {
		return slices.ContainsFunc(s.RealServers, isVIP) || slices.ContainsFunc(s.SorryServers, isVIP)
	})
}
