package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/snatctl/snatctl/host"
	"github.com/snatctl/snatctl/inet"
	"github.com/snatctl/snatctl/nft"
	"github.com/snatctl/snatctl/policy"
	"github.com/snatctl/snatctl/policy/lint"
)

// forwardingOn switches forwarding on for the families that the table uses, unless the
// policy leaves that to others, and returns what undoes it.
func (g *Gateway) forwardingOn(w *Wanted) (undo func(), err error) {
	var changed []string
	undo = func() {
		for _, key := range changed {
			_ = host.SetSysctl(key, "0")
		}
	}
	if !w.Policy.Gateway.Forwarding {
		return undo, nil
	}
	for _, f := range inet.Families {
		key := lint.ForwardingKey(f)
		if !usesFamily(w.Ruleset, f) || host.IsOn(key) {
			continue
		}
		if err := host.SetSysctl(key, "1"); err != nil {
			undo()
			return func() {}, fmt.Errorf("switch on forwarding of %s: %w (switch it on yourself and write `forwarding: false` under gateway)", f, err)
		}
		changed = append(changed, key)
		g.tell(Switched{Key: key})
	}
	return undo, nil
}

// usesFamily tells whether the table translates or refuses anything of a family.
func usesFamily(r *nft.Ruleset, f inet.Family) bool {
	for _, s := range r.Sets {
		if len(s.Elements) > 0 && len(s.Key) > 0 && s.Key[0] == nft.AddrType(f) {
			return true
		}
	}
	return false
}

// accountingOn switches on what reports need. A kernel without it is only worth a warning.
func (g *Gateway) accountingOn(p *policy.Policy) {
	if !p.Gateway.Sysctls {
		return
	}
	for _, key := range lint.AccountingKeys() {
		if host.IsOn(key) {
			continue
		}
		if err := host.SetSysctl(key, "1"); err != nil {
			g.tell(Warning{fmt.Errorf("%w (reports will lack data; `sysctls: false` under gateway silences this)", err)})
			continue
		}
		g.tell(Switched{Key: key})
	}
}

// timeoutsOn sets the timeouts that only the whole machine can have, and returns what undoes it.
// After an error nothing is changed.
func (g *Gateway) timeoutsOn(p *policy.Policy) (undo func(), err error) {
	var was []Switched
	undo = func() {
		for _, s := range was {
			_ = host.SetSysctl(s.Key, s.Value)
		}
	}
	if p.Gateway.Timeouts == nil {
		return undo, nil
	}
	for i, info := range policy.FlowStates() {
		d := p.Gateway.Timeouts[i]
		if d == 0 || info.Sysctl == "" {
			continue
		}
		key, want := "net/netfilter/"+info.Sysctl, strconv.Itoa(int(d/time.Second))
		before, err := host.Sysctl(key)
		switch {
		case errors.Is(err, fs.ErrNotExist) && info.RFC > 0 && p.Gateway.Timeouts.String() == "rfc":
			continue // the kernel tracks no such flows
		case err == nil && before == want:
			continue
		case err == nil:
			err = host.SetSysctl(key, want)
		}
		if err != nil {
			undo()
			return func() {}, fmt.Errorf("gateway.timeouts.%s: this kernel does not take it: %w (remove the key)", info.Key, err)
		}
		was = append(was, Switched{key, before})
		g.tell(Switched{key, want})
	}
	return undo, nil
}
