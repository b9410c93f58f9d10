package agent

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/snatctl/snatctl/agent/balance"
	"github.com/snatctl/snatctl/agent/health"
	"github.com/snatctl/snatctl/policy"
)

// Reset takes an override back; it is a kind only here.
const Reset balance.Kind = "reset"

// Order is what an operator wants of a real server for a while.
type Order struct {
	Service string        `json:"service"`
	Server  string        `json:"server"` // its address, with a port where the address alone does not tell
	Kind    balance.Kind  `json:"kind"`
	Weight  int           `json:"weight"` // of balance.SetWeight
	For     time.Duration `json:"for_ns"` // 0: until it is taken back
	User    string        `json:"user"`
}

// Override carries out an order, and returns the service as it is then. It is safe for concurrent use.
func (a *Agent) Override(ctx context.Context, o Order) (s Service, err error) {
	unasked := a.do(ctx, func(loop context.Context) {
		var t *tended
		var id health.ID
		if t, id, err = a.find(o); err != nil {
			err = &RefusedError{err}
			return
		}
		before, had := a.overrides[id]
		now := time.Now()
		a.enter(id, o, now)
		if err = a.keeper.write(a.memory()); err != nil { // an override that is not kept would end with the agent
			if delete(a.overrides, id); had {
				a.overrides[id] = before
			}
			err = &RefusedError{fmt.Errorf("the override cannot be kept: %w; nothing was changed", err)}
			return
		}
		t.server(id).Override = a.overrides[id]
		a.log.Info("override_set", "service", id.Service, "server", serverText(id.Server), "kind", o.Kind, "weight", o.Weight, "for", o.For, "by", o.User)
		a.rebalance(loop, []*tended{t}, now)
		a.reshape(loop)
		s = *a.show(t)
		a.checked(&s)
	})
	if unasked != nil {
		return s, unasked
	}
	return s, err
}

func (a *Agent) enter(id health.ID, o Order, now time.Time) {
	if o.Kind == Reset {
		delete(a.overrides, id)
		return
	}
	as := balance.Override{Kind: o.Kind, Weight: o.Weight}
	if o.For > 0 {
		as.Until = now.Add(o.For)
	}
	a.overrides[id] = as
}

// find finds the real server that an order is about.
func (a *Agent) find(o Order) (*tended, health.ID, error) {
	id := health.ID{Service: o.Service}
	t := a.tends.named[o.Service]
	if t == nil {
		return nil, id, fmt.Errorf("the policy in force has no service %q; nothing was changed", o.Service)
	}
	addr, port, err := splitServer(o.Server)
	if err != nil {
		return nil, id, fmt.Errorf("%w; nothing was changed", err)
	}
	var found []netip.AddrPort
	var all []string
	for _, in := range t.input.Servers {
		all = append(all, serverText(in.Key))
		if in.Key.Addr() == addr && (port == 0 || port == in.Key.Port() || in.Key.Port() == 0 && calls(t.service, port)) {
			found = append(found, in.Key)
		}
	}
	switch {
	case len(found) == 1:
		id.Server = found[0]
		return t, id, nil
	case len(found) > 1:
		return nil, id, fmt.Errorf("service %s has %s at several ports: name one of %s; nothing was changed", o.Service, addr, strings.Join(all, ", "))
	}
	return nil, id, fmt.Errorf("service %s has no real server %s: it has %s; nothing was changed", o.Service, o.Server, strings.Join(all, ", "))
}

// calls tells whether clients may call a service at a port.
func calls(s *policy.Service, port uint16) bool {
	if s.ByMark() {
		return true
	}
	for _, p := range s.Ports {
		if p.Ports.First <= port && port <= p.Ports.Last {
			return true
		}
	}
	return false
}

// splitServer reads an address, with a port or without.
func splitServer(text string) (netip.Addr, uint16, error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return addr, 0, nil
	}
	at, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q is not an address, with a port or without", text)
	}
	return at.Addr(), at.Port(), nil
}

// expire forgets overrides whose time is up, and returns the services that had them.
func (a *Agent) expire(now time.Time) (touched []*tended) {
	for id, o := range a.overrides {
		if o.In(now).Kind != "" {
			continue
		}
		delete(a.overrides, id)
		a.unsaved = true
		if t := a.tends.named[id.Service]; t != nil {
			if in := t.server(id); in != nil {
				in.Override = balance.Override{}
				touched = appendOnce(touched, t)
			}
		}
		a.log.Info("override_ended", "service", id.Service, "server", serverText(id.Server), "kind", o.Kind)
	}
	return touched
}
