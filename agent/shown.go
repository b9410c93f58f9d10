package agent

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/policy"
)

// Service is what an agent knows of a service.
type Service struct {
	Name    string   `json:"name"`
	Quorum  Quorum   `json:"quorum"`
	Sorry   bool     `json:"sorry"`  // the sorry servers take the new connections
	Closed  bool     `json:"closed"` // nobody takes new connections
	Panic   bool     `json:"panic"`  // health is disregarded, since so few are up
	Servers []Server `json:"servers"`
}

// Trouble says what is wrong with a service as a whole; empty if nothing is.
func (s *Service) Trouble() string {
	up := fmt.Sprintf("%d of the %d that its quorum asks for are up", s.Quorum.Up, s.Quorum.Need)
	switch {
	case s.Sorry:
		return "its sorry servers take the new connections: " + up
	case s.Closed && len(s.Servers) > 0:
		return "it takes no new connections: " + up
	case s.Panic:
		return "so few real servers are up that all of them get connections (panic)"
	}
	return ""
}

// Quorum is how many real servers must be up, and how many are.
type Quorum struct {
	Need int  `json:"need"`
	Up   int  `json:"up"`
	Met  bool `json:"met"`
}

// Server is what an agent knows of a real server. Times are zero where something has not happened.
type Server struct {
	Address    netip.AddrPort `json:"address"`        // port 0: the one that is called
	Weight     int            `json:"weight"`         // of the policy
	Admin      int            `json:"administrative"` // the policy's, or the override's
	Share      int            `json:"share"`          // what new connections are given by now, in relation to the others
	Health     string         `json:"health"`         // up, down, unknown, or disabled: it is not checked
	Out        bool           `json:"out"`            // it gets no new connections: down by its check or by an override
	LastCheck  time.Time      `json:"last_check,omitzero"`
	LastChange time.Time      `json:"last_change,omitzero"`
	Error      string         `json:"check_error,omitempty"` // why the last check failed
	Failures   uint64         `json:"check_failures"`
	Override   *Override      `json:"override"`
}

// Override is what an operator wants of a real server.
type Override struct {
	Kind   balance.Kind `json:"kind"`
	Weight int          `json:"weight,omitempty"`
	Until  time.Time    `json:"until,omitzero"`
}

// Text names a real server as operators write it: without a port where it has none of its own.
func (s *Server) Text() string { return serverText(s.Address) }

// Server finds a real server by where connections go; nil if the service, or a nil one, has none there. A
// table does not always tell whether a policy writes the port that clients call, or none.
func (s *Service) Server(at netip.AddrPort) *Server {
	if s == nil {
		return nil
	}
	if i := s.Index(at); i >= 0 {
		return &s.Servers[i]
	}
	return nil
}

// Index is Server by its place; -1 for none.
func (s *Service) Index(at netip.AddrPort) int {
	for _, as := range [...]netip.AddrPort{at, netip.AddrPortFrom(at.Addr(), 0)} {
		for i := range s.Servers {
			if s.Servers[i].Address == as {
				return i
			}
		}
	}
	return -1
}

// Disabled is the health of a real server that is not checked.
const Disabled = "disabled"

// show returns a service as it is now, but for what checks know.
func (a *Agent) show(t *tended) *Service {
	r := &t.result
	s := &Service{Name: t.service.Name, Quorum: Quorum{r.Need, r.Up, r.Met}, Sorry: r.Sorry, Closed: r.Closed, Panic: r.Panic, Servers: make([]Server, len(t.input.Servers))}
	for i, in := range t.input.Servers {
		o := Server{Address: in.Key, Weight: in.Weight, Admin: r.Admin[i], Share: r.Weights[i], Out: r.Down[i], Health: Disabled}
		if turnsAway(r) {
			o.Share = 0
		}
		if t.service.HealthCheck != nil {
			o.Health = map[balance.Health]string{balance.Unknown: "unknown", balance.Up: "up", balance.Down: "down"}[in.Health]
			if k, ok := a.known[health.ID{Service: t.service.Name, Server: in.Key}]; ok {
				o.LastChange, o.Error = k.Since, k.Reason
			}
		}
		if ov := in.Override; ov.Kind != "" {
			o.Override = &Override{ov.Kind, ov.Weight, ov.Until}
		}
		s.Servers[i] = o
	}
	return s
}

// publish shows services that have changed.
func (a *Agent) publish(changed []*tended) {
	if len(changed) == 0 {
		return
	}
	a.mu.Lock()
	all := slices.Clone(a.shown)
	a.mu.Unlock()
	for _, t := range changed {
		all[t.index] = a.show(t)
	}
	a.exhibit(all)
}

// exhibit shows services, and the states that they have now.
func (a *Agent) exhibit(all []*Service) {
	state := a.tends.state.Clone()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shown, a.state = all, state
}

// State returns the states of the services now: with them the policy in force is what the table should
// be. It must not be changed. It is safe for concurrent use.
func (a *Agent) State() policy.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}

// publishAll shows all services of the policy in force.
func (a *Agent) publishAll() {
	all := make([]*Service, len(a.tends.all))
	for i, t := range a.tends.all {
		all[i] = a.show(t)
	}
	a.exhibit(all)
}

// Services returns what the agent knows of the policy's services, in its order. It is safe for
// concurrent use.
func (a *Agent) Services() []Service {
	a.mu.Lock()
	all := a.shown
	a.mu.Unlock()
	out := make([]Service, len(all))
	for i, s := range all {
		out[i] = *s
		out[i].Servers = slices.Clone(s.Servers)
		a.checked(&out[i])
	}
	return out
}

// ServicesDown names the services whose quorum is not met, in the order of the policy in force. It is safe for
// concurrent use.
func (a *Agent) ServicesDown() (names []string) {
	a.mu.Lock()
	all := a.shown
	a.mu.Unlock()
	for _, s := range all {
		if !s.Quorum.Met && len(s.Servers) > 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// checked adds what checks know of a service's real servers. It is safe for concurrent use.
func (a *Agent) checked(s *Service) {
	for n := range s.Servers {
		o := &s.Servers[n]
		if o.Health == Disabled {
			continue
		}
		h := a.checks.Health(health.ID{Service: s.Name, Server: o.Address})
		o.LastCheck, o.Failures = h.LastCheck, h.Failures
		if !h.LastChange.IsZero() {
			o.LastChange = h.LastChange
		}
		if h.State != health.Unknown {
			o.Health = h.State.String()
		}
		if !h.LastCheck.IsZero() {
			o.Error = h.Error
		}
	}
}
