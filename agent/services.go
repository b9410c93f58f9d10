package agent

import (
	"context"
	"maps"
	"net/netip"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/gateway"
	"github.com/snatctl/snatctl/gateway/history"
	"github.com/snatctl/snatctl/policy"
)

// services are those of a policy, with what is known of their real servers.
type services struct {
	policy *policy.Policy // as it is written
	all    []*tended      // in its order
	named  map[string]*tended
	state  policy.State         // that all of them have now
	due    map[*tended]struct{} // those that change by themselves
	least  []*tended            // those with lc or wlc

	ways   []*way // uplinks that are objects, in the policy's order
	steers bool   // state has what they are
	lost   bool   // all of them are down
}

// tended is a service, and what is known of its real servers.
type tended struct {
	service *policy.Service // as it is written
	index   int
	input   balance.Service // its servers are in the order of the service's
	memory  balance.Memory
	result  balance.Result
	state   policy.ServiceState
}

// tend makes the services of a policy, with what the agent knows of them.
func (a *Agent) tend(p *policy.Policy, now time.Time) *services {
	p = p.Written()
	s := &services{policy: p, named: make(map[string]*tended, len(p.Services)), state: policy.State{Services: make(map[string]policy.ServiceState)}, due: map[*tended]struct{}{}}
	room := balance.Room(p)
	for i := range p.Services {
		t := &tended{service: &p.Services[i], index: i, input: balance.Of(&p.Services[i]), memory: a.memories[p.Services[i].Name]}
		t.input.Room = room
		for n := range t.input.Servers {
			in := &t.input.Servers[n]
			id := health.ID{Service: t.service.Name, Server: in.Key}
			in.Override = a.overrides[id]
			if k, ok := a.known[id]; ok && t.service.HealthCheck != nil {
				in.UpSince = k.UpSince
				if k.Down {
					in.Health = balance.Down
				}
			}
		}
		s.all, s.named[t.service.Name] = append(s.all, t), t
		if t.service.Scheduler.ByFlows() {
			s.least = append(s.least, t)
		}
		s.decide(t, now)
	}
	if a.tends != nil {
		s.state.Uplinks, s.steers, s.lost = a.tends.state.Uplinks, a.tends.steers, a.tends.lost
	}
	s.ways = a.ways(p, now)
	s.steer()
	return s
}

// decide balances a service, and tells whether its state has changed.
func (s *services) decide(t *tended, now time.Time) bool {
	t.result, t.memory = balance.Balance(now, t.input, t.memory)
	if t.result.Next.IsZero() {
		delete(s.due, t)
	} else {
		s.due[t] = struct{}{}
	}
	state := t.stateNow()
	if state.Sorry == t.state.Sorry && state.Closed == t.state.Closed && maps.Equal(state.Servers, t.state.Servers) {
		return false
	}
	t.state = state
	if state.Servers == nil && !state.Sorry && !state.Closed {
		delete(s.state.Services, t.service.Name)
	} else {
		s.state.Services[t.service.Name] = state
	}
	return true
}

// stateNow says the decision as a state: only what differs from the policy.
func (t *tended) stateNow() policy.ServiceState {
	r := &t.result
	out := policy.ServiceState{Sorry: r.Sorry, Closed: r.Closed}
	for i, rs := range t.service.RealServers {
		weight := r.Weights[i]
		if r.Down[i] || turnsAway(r) {
			weight = r.Admin[i]
		}
		if weight == rs.Weight && !r.Down[i] {
			continue
		}
		if out.Servers == nil {
			out.Servers = make(map[netip.AddrPort]policy.ServerState)
		}
		out.Servers[rs.Key()] = policy.ServerState{Weight: weight, Down: r.Down[i]}
	}
	return out
}

// server finds a real server of a service; nil if it has none of that key.
func (t *tended) server(id health.ID) *balance.Server {
	for i := range t.input.Servers {
		if t.input.Servers[i].Key == id.Server {
			return &t.input.Servers[i]
		}
	}
	return nil
}

// recall learns from the table that stands which real servers are out: the agent before may have been
// killed before it could write that down.
func (a *Agent) recall(ctx context.Context) error {
	r, err := gateway.OpenReader(a.table)
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := r.Read(ctx)
	if err != nil {
		return err
	}
	for _, s := range p.Bindings.Services {
		for _, rs := range s.Servers {
			id := health.ID{Service: s.Name, Server: netip.AddrPortFrom(rs.Addr, rs.Port)}
			if k := a.known[id]; rs.Down && !k.Down {
				a.known[id] = known{Down: true, Since: time.Now(), Reason: "it was down when the agent started"}
			}
		}
	}
	return nil
}

// Left returns the states that the services of a policy had when the agent of a table ended, as far as
// its state directory tells. Somebody who has applied a policy since gave them none.
func Left(stateDir, table string, p *policy.Policy) policy.State {
	a := &Agent{o: Options{StateDir: stateDir}, table: table}
	now := time.Now()
	written, err := a.remember(now)
	if err != nil || written.IsZero() {
		return policy.State{}
	}
	entries, _, err := history.Open(stateDir).List(table)
	if good := history.Good(entries); err != nil || len(good) > 0 && good[0].Time.After(written) {
		return policy.State{}
	}
	return a.tend(p, now).state
}
