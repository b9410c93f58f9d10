package agent

import (
	"maps"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/route/routelink"
)

// way is an uplink written as an object, and what is known of it.
type way struct {
	uplink *policy.Uplink // as it is written
	input  balance.Uplink // its targets are in the order of the uplink's check
	link   routelink.Link // as it was looked at last
	is     balance.Standing
	since  time.Time // when it became so; zero: that is not known
	reason string    // why it is down
	left   bool      // its flows were told to go elsewhere
}

// ways makes the uplinks of a policy, with what the agent knows of them.
func (a *Agent) ways(p *policy.Policy, now time.Time) (out []*way) {
	for i := range p.Gateway.Routed {
		u := &p.Gateway.Routed[i]
		k := a.ups[u.Name]
		w := &way{uplink: u, since: k.Since, reason: k.Reason, left: k.Left}
		w.input = balance.Uplink{Down: k.Down, Override: a.reroutes[u.Name], Since: k.UpSince}
		if u.Check != nil {
			w.input.Targets = make([]balance.Health, len(u.Check.Targets))
		}
		for n := range w.input.Targets {
			w.input.Targets[n] = a.probed(health.ID{Service: u.Name, Server: u.Check.Targets[n]}, k.Down)
		}
		w.look(&a.links, k.UpSince)
		w.is = w.input.Stand(now)
		if w.input.Down = w.is.Down; w.is.Down != k.Down {
			w.since, w.reason = now, w.is.Reason
		}
		out = append(out, w)
	}
	return out
}

// probed is what is known of a target of an uplink's check.
func (a *Agent) probed(id health.ID, down bool) balance.Health {
	if a.paths != nil { // else nothing is checked: somebody only wants to know what was left
		if h := a.paths.Health(id); h.State != health.Unknown {
			return healthOf(h.State)
		}
	}
	if down {
		return balance.Down
	}
	return balance.Unknown
}

func healthOf(s health.State) balance.Health {
	switch s {
	case health.Up:
		return balance.Up
	case health.Down:
		return balance.Down
	}
	return balance.Unknown
}

// look looks at the interface of the uplink, and tells whether it is another than before: also where one
// of the same name was made anew.
func (w *way) look(links *routelink.Links, now time.Time) bool {
	link, known := links.Find(w.uplink.Interface)
	if !known || link == w.link && w.input.Link != balance.LinkUnknown {
		return false
	}
	was := w.input.Link
	switch w.link = link; {
	case link.Carries:
		w.input.Link, w.input.Since = balance.LinkCarries, now
	case link != (routelink.Link{}):
		w.input.Link = balance.LinkSilent
	default:
		w.input.Link = balance.LinkGone
	}
	if was == balance.LinkCarries && w.input.Link != was {
		for i := range w.input.Targets { // what they said before is about a cable that is not there any more
			w.input.Targets[i] = balance.Down
		}
	}
	return true
}

// way finds an uplink; nil if the policy has none of that name.
func (s *services) way(name string) *way {
	for _, w := range s.ways {
		if w.uplink.Name == name {
			return w
		}
	}
	return nil
}

// steered is the state of the uplinks that the table should have: those that are down. While all are down it
// stays as it was: no way is better than another, so nothing need move.
func (s *services) steered() map[string]policy.UplinkState {
	out := make(map[string]policy.UplinkState, len(s.ways))
	for _, w := range s.ways {
		if w.is.Down {
			out[w.uplink.Name] = policy.UplinkState{Down: true}
		}
	}
	if was := s.state.Uplinks; s.steers && len(out) == len(s.ways) {
		for name := range was {
			if _, ok := out[name]; !ok {
				return out // it is about other uplinks
			}
		}
		return was
	}
	return out
}

// steer takes the state that the uplinks should have, and tells whether it is another one.
func (s *services) steer() bool {
	now := s.steered()
	changed := !maps.Equal(now, s.state.Uplinks)
	s.state.Uplinks, s.steers = now, true // a new map: others may still read the one before
	return changed
}

// probes says by what uplinks are checked, and what is known of it before the first check.
func (s *services) probes() (out []health.Target) {
	numbers := s.policy.Gateway.Numbers()
	for _, w := range s.ways {
		if w.uplink.Check == nil {
			continue
		}
		k := w.uplink.Check
		c := &health.Check{Type: string(k.Type), Interval: k.Interval, Timeout: k.Timeout, Rise: k.Rise, Fall: k.Fall,
			Via: health.Via{Interface: w.uplink.Interface, Mark: policy.UplinkMark(numbers[w.uplink.Name])}}
		for i, to := range k.Targets {
			t := health.Target{ID: health.ID{Service: w.uplink.Name, Server: to}, To: to, Check: c}
			if w.input.Targets[i] == balance.Down {
				t.Start = health.Down
			}
			out = append(out, t)
		}
	}
	return out
}
