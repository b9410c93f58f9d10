package lint

import (
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/policy"
)

// uplinkRules are about how it is found out that an uplink is down.
func uplinkRules() []Rule {
	return []Rule{{
		Code: "U20", Severity: policy.Warning, check: nearTargets,
		Title: "The check of an uplink asks nobody but its own router.",
		Why: "A router answers while nothing behind it does, and then the uplink stays up and its connections fail. Ask addresses of the " +
			"outside, of more than one network.",
	}, {
		Code: "U21", Severity: policy.Warning, check: lateUplinks,
		Title: "It takes over a minute to notice that an uplink is dead.",
		Why:   "Until no target has answered `fall` times in a row, new connections leave by the uplink, and all of them fail.",
	}}
}

func nearTargets(r *run) {
	for i := range r.Gateway.Routed {
		u := &r.Gateway.Routed[i]
		if u.Check == nil || len(u.Check.Targets) == 0 {
			continue
		}
		own := func(a netip.AddrPort) bool { return slices.Contains(u.Gateways, a.Addr()) }
		if !slices.ContainsFunc(u.Check.Targets, func(a netip.AddrPort) bool { return !own(a) }) {
			r.find(u.Check.At("targets"), "uplink "+u.Name, "name addresses behind the router",
				"the check asks nobody but the uplink's own router, which answers while nothing behind it does")
		}
	}
}

func lateUplinks(r *run) {
	for i := range r.Gateway.Routed {
		u := &r.Gateway.Routed[i]
		if u.Check == nil {
			continue
		}
		c := u.Check
		if late := lateness(c.Fall, c.Interval, c.Timeout); late > patience {
			r.find(c.At("interval"), "uplink "+u.Name, "write a shorter interval, or a smaller fall",
				"new connections leave by the dead uplink for up to %s: interval %s, fall %d, timeout %s", plain(late), plain(c.Interval), c.Fall, plain(c.Timeout))
		}
	}
}
