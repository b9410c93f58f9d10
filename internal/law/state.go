package law

import (
	"math/rand/v2"
	"net/netip"

	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/policy"
)

// State makes up a state of a policy: real servers go down, or get other weights; sorry servers
// take over; services close.
func State(rand *rand.Rand, p *policy.Policy) policy.State {
	g := &maker{Rand: rand}
	state := policy.State{Services: make(map[string]policy.ServiceState)}
	for i := range p.Services {
		if s := &p.Services[i]; g.often(70) {
			state.Services[s.Name] = g.serviceState(s)
		}
	}
	return state
}

func (g *maker) serviceState(s *policy.Service) policy.ServiceState {
	st := policy.ServiceState{Servers: make(map[netip.AddrPort]policy.ServerState)}
	weighted := g.often(30)
	for _, rs := range append(s.RealServers[:len(s.RealServers):len(s.RealServers)], s.SorryServers...) {
		now := policy.ServerState{Weight: rs.Weight, Down: g.often(35)}
		if weighted {
			now.Weight = g.IntN(5)
		}
		st.Servers[rs.Key()] = now
	}
	st.Sorry, st.Closed = len(s.SorryServers) > 0 && g.often(30), g.often(10)
	return st
}

// Sorry gives services of a policy sorry servers, as their real servers are.
func Sorry(rand *rand.Rand, p *policy.Policy) {
	g := &maker{Rand: rand}
	for i := range p.Services {
		s := &p.Services[i]
		if len(s.RealServers) == 0 || len(s.SorryServers) > 0 || g.often(50) {
			continue
		}
		for n := range 1 + g.IntN(2) {
			like := s.RealServers[g.IntN(len(s.RealServers))]
			s.SorryServers = append(s.SorryServers, policy.RealServer{Addr: addr(servers, inet.FamilyOf(like.Addr), 200+n), Port: like.Port, Weight: 1})
		}
	}
}
