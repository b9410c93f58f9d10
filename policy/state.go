package policy

import (
	"maps"
	"net/netip"
	"slices"
)

// State is what the world adds to a policy: which real servers are down, what their weights are now,
// and which uplinks are down. What it does not name is as the policy says. It is never written in a
// file. The zero value adds nothing.
type State struct {
	Services map[string]ServiceState `json:"services,omitempty"` // by name
	Uplinks  map[string]UplinkState  `json:"uplinks,omitempty"`  // by name; of uplinks written as objects
}

// IsZero tells whether the state adds nothing.
func (s State) IsZero() bool { return len(s.Services) == 0 && len(s.Uplinks) == 0 }

// Clone returns a state whose maps are its own.
func (s State) Clone() State { return State{maps.Clone(s.Services), maps.Clone(s.Uplinks)} }

// UplinkState is the state of one uplink. The zero value leaves it as the policy says: up.
type UplinkState struct {
	Down bool `json:"down,omitempty"` // its check says so: new connections go elsewhere, as far as their zone lets them
}

// ServiceState is the state of one service. The zero value leaves it as the policy says.
type ServiceState struct {
	Servers map[netip.AddrPort]ServerState // by RealServer.Key; others are as the policy says
	Sorry   bool                           // the sorry servers take the new connections, and no other does
	Closed  bool                           // nobody takes new connections: on_empty answers. Sorry counts first
}

// ServerState is the state of one real server or sorry server.
type ServerState struct {
	Weight int  // in place of the written one; 0: keeps its flows, gets no new ones
	Down   bool // its check says so: it gets no new connections, whatever its weight
}

// Key names a real server within its service: its port is 0 where it is called at the port that
// the client called.
func (r RealServer) Key() netip.AddrPort { return netip.AddrPortFrom(r.Addr, r.Port) }

// With returns the policy that a state makes of this one. Decide, and all that carries a policy
// out, work on it as on any other. It counts from the policy as it is written, also where this
// one has a state already; the policy itself is returned where the state changes nothing. What
// does not change is shared between the two.
func (p *Policy) With(state State) *Policy {
	p = p.Written()
	out := *p
	services, uplinks := p.servicesIn(state), p.uplinksIn(state)
	if services == nil && uplinks == nil {
		return p
	}
	out.written, out.state = p, state
	if services != nil {
		out.Services = services
	}
	if uplinks != nil {
		out.Gateway.Routed = uplinks
	}
	return &out
}

// servicesIn returns the services that a state makes of those written; nil where it changes none.
func (p *Policy) servicesIn(state State) (out []Service) {
	if len(state.Services) == 0 {
		return nil
	}
	for i := range p.Services {
		s := &p.Services[i]
		st, ok := state.Services[s.Name]
		if !ok {
			continue
		}
		now := s.With(st)
		if now == s {
			continue
		}
		if out == nil {
			out = slices.Clone(p.Services)
		}
		out[i] = *now
	}
	return out
}

// Written returns the policy as it is written, without a state.
func (p *Policy) Written() *Policy {
	if p.written != nil {
		return p.written
	}
	return p
}

// State returns the state that made the policy of the one that is written; zero where there is none.
// It must not be changed.
func (p *Policy) State() State { return p.state }

// With returns the service that a state makes of this one as it is written; the service itself
// where the state changes nothing.
//
// A scheduler that ignores weights takes turns by weight while the state gives its real servers
// unequal ones: a server that comes back slowly has less than its share.
func (s *Service) With(state ServiceState) *Service {
	now := *s
	now.RealServers = make([]RealServer, 0, len(s.RealServers)+len(s.SorryServers))
	for _, rs := range s.RealServers {
		state.enter(&rs)
		if state.Sorry || state.Closed {
			rs.Weight = 0
		}
		now.RealServers = append(now.RealServers, rs)
	}
	if state.Sorry {
		now.sorry(s.SorryServers, state)
	}
	if slices.Equal(now.RealServers, s.RealServers) {
		return s
	}
	for i, rs := range s.RealServers {
		now.weighed = now.weighed || now.RealServers[i].Active() && now.RealServers[i].Weight != rs.Weight
	}
	if now.Scheduler == RoundRobin && now.unequal() {
		now.Scheduler = WeightedRoundRobin
	}
	return &now
}

// weighedSlots bounds the slots of a schedule whose weights are a State's. They change all the time,
// and each number of slots takes chains of its own.
const weighedSlots = 64

// MostSlots bounds the slots of the service's schedule, tables of mh apart. Weights that need more
// are rounded.
func (s *Service) MostSlots() int {
	if s.weighed {
		return weighedSlots
	}
	return MaxSlots
}

// enter gives a real server its state.
func (st ServiceState) enter(rs *RealServer) {
	if now, ok := st.Servers[rs.Key()]; ok {
		rs.Weight, rs.Down = now.Weight, now.Down
	}
}

// sorry lists the sorry servers among the real servers, each once.
func (s *Service) sorry(servers []RealServer, state ServiceState) {
	for _, rs := range servers {
		state.enter(&rs)
		at := slices.IndexFunc(s.RealServers, func(o RealServer) bool { return o.Key() == rs.Key() })
		if at < 0 {
			s.RealServers = append(s.RealServers, rs)
			continue
		}
		s.RealServers[at].Weight, s.RealServers[at].Down = rs.Weight, rs.Down
	}
}

// unequal tells whether real servers of one family that take connections differ in weight.
func (s *Service) unequal() bool {
	first := [2]int{}
	for _, rs := range s.RealServers {
		if !rs.Active() {
			continue
		}
		of := &first[0]
		if rs.Addr.Is6() {
			of = &first[1]
		}
		if *of != 0 && *of != rs.Weight {
			return true
		}
		*of = rs.Weight
	}
	return false
}
