package agent

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
)

// Uplink is what an agent knows of an uplink that is an object. Times are zero where something has not
// happened, or is not known.
type Uplink struct {
	Name      string         `json:"name"`
	Interface string         `json:"interface"`
	State     string         `json:"state"` // UplinkUp, UplinkDown, UplinkDrained
	Since     time.Time      `json:"since,omitzero"`
	Reason    string         `json:"reason,omitempty"` // why it is not up
	Kept      bool           `json:"kept,omitempty"`   // new connections leave by it although it is down: so are all others
	LastCheck time.Time      `json:"last_check,omitzero"`
	Error     string         `json:"check_error,omitempty"` // of the newest check that failed, if the newest of its target did
	Failures  uint64         `json:"check_failures"`
	Targets   []UplinkTarget `json:"targets,omitempty"` // none: it is not checked
	Override  *Override      `json:"override"`
}

// Why says why the uplink is not up, or which of its targets does not answer; empty: all is well.
func (u *Uplink) Why() string {
	if u.Reason != "" {
		return u.Reason
	}
	return u.Error
}

// UplinkTarget is what an uplink is checked by.
type UplinkTarget struct {
	Address   netip.AddrPort `json:"address"`
	Health    string         `json:"health"` // up, down or unknown
	LastCheck time.Time      `json:"last_check,omitzero"`
	Error     string         `json:"check_error,omitempty"`
}

// The states of uplinks.
const (
	UplinkUp      = "up"
	UplinkDown    = "down"
	UplinkDrained = "drained" // it gets no new connections, and keeps those that it has
)

// publishUplinks shows the uplinks as they are now, but for what checks know.
func (a *Agent) publishUplinks() {
	var all []Uplink
	for _, w := range a.tends.ways {
		u := Uplink{Name: w.uplink.Name, Interface: w.uplink.Interface, State: UplinkUp, Since: w.since}
		switch {
		case w.is.Spares:
			u.State, u.Reason = UplinkDrained, w.reason
		case w.is.Down:
			u.State, u.Reason = UplinkDown, w.reason
		}
		u.Kept = w.is.Down && !a.tends.state.Uplinks[u.Name].Down
		if o := w.input.Override; o.Kind != "" {
			u.Override = &Override{Kind: o.Kind, Until: o.Until}
		}
		if w.uplink.Check != nil {
			for _, to := range w.uplink.Check.Targets {
				u.Targets = append(u.Targets, UplinkTarget{Address: to, Health: health.Unknown.String()})
			}
		}
		all = append(all, u)
	}
	state := a.tends.state.Clone()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.know.Uplinks, a.state = all, state
}

// probedUplinks returns uplinks with what checks know of them.
func (a *Agent) probedUplinks(all []Uplink) []Uplink {
	all = slices.Clone(all)
	for i := range all {
		u := &all[i]
		u.Targets = slices.Clone(u.Targets)
		for n := range u.Targets {
			t := &u.Targets[n]
			h := a.paths.Health(health.ID{Service: u.Name, Server: t.Address})
			t.Health, t.LastCheck, t.Error = h.State.String(), h.LastCheck, h.Error
			u.Failures += h.Failures
			if t.LastCheck.After(u.LastCheck) {
				u.LastCheck = t.LastCheck
			}
			if t.Error != "" {
				u.Error = TargetText(t.Address) + ": " + t.Error
			}
		}
	}
	return all
}

// TargetText names what an uplink is checked by as operators write it.
func TargetText(at netip.AddrPort) string { return serverText(at) }

// UplinkOrder is what an operator wants of an uplink for a while.
type UplinkOrder struct {
	Uplink string        `json:"uplink"`
	Kind   balance.Kind  `json:"kind"`   // balance.Drain, ForceDown, ForceUp, or Reset
	For    time.Duration `json:"for_ns"` // 0: until it is taken back
	User   string        `json:"user"`
}

// Reroute carries out an order about an uplink, and returns the uplink as it is then. It is safe for
// concurrent use.
func (a *Agent) Reroute(ctx context.Context, o UplinkOrder) (u Uplink, err error) {
	unasked := a.do(ctx, func(loop context.Context) {
		w := a.tends.way(o.Uplink)
		if w == nil {
			err = &RefusedError{fmt.Errorf("the policy in force has no uplink %q that is an object; nothing was changed", o.Uplink)}
			return
		}
		before, had := a.reroutes[o.Uplink]
		now := time.Now()
		delete(a.reroutes, o.Uplink)
		if o.Kind != Reset {
			as := balance.Override{Kind: o.Kind}
			if o.For > 0 {
				as.Until = now.Add(o.For)
			}
			a.reroutes[o.Uplink] = as
		}
		if err = a.keeper.write(a.memory()); err != nil { // an override that is not kept would end with the agent
			if delete(a.reroutes, o.Uplink); had {
				a.reroutes[o.Uplink] = before
			}
			err = &RefusedError{fmt.Errorf("the override cannot be kept: %w; nothing was changed", err)}
			return
		}
		w.input.Override = a.reroutes[o.Uplink]
		a.log.Info("uplink_override_set", "uplink", o.Uplink, "kind", o.Kind, "for", o.For, "by", o.User)
		a.steer(loop, now)
		for _, is := range a.Snapshot().Uplinks {
			if is.Name == o.Uplink {
				u = is
			}
		}
	})
	if unasked != nil {
		return u, unasked
	}
	return u, err
}

// turnUplinks decides anew about uplinks that change by themselves: orders that end, and interfaces that have
// carried for long enough.
func (a *Agent) turnUplinks(ctx context.Context, now time.Time) {
	due := false
	for name, o := range a.reroutes {
		if o.In(now).Kind != "" {
			continue
		}
		delete(a.reroutes, name)
		a.unsaved, due = true, true
		if w := a.tends.way(name); w != nil {
			w.input.Override = balance.Override{}
		}
		a.log.Info("uplink_override_ended", "uplink", name, "kind", o.Kind)
	}
	for _, w := range a.tends.ways {
		due = due || !w.is.Next.IsZero() && !now.Before(w.is.Next)
	}
	if due {
		a.steer(ctx, now)
	}
}
