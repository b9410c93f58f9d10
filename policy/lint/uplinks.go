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
	}, {
		Code: "U22", Severity: policy.Warning, check: uplinksOfOtherNodes,
		Title: "A node has no laddrs for an uplink by which connections may leave there.",
		Why: "A pool may say `none` for a node. Of a zone with laddrs per uplink, that node then drops the connections that leave by the uplink of that pool, while " +
			"those by its other uplinks work: so it fails when one of these dies, or for some sources of a balance.",
	}}
}

// uplinksOfOtherNodes finds uplinks for which a zone has laddrs on some nodes, and by which its connections may leave
// on others, too. Where a node has none for all of them the zone refuses, which no uplink changes.
func uplinksOfOtherNodes(r *run) {
	for i := range r.Zones {
		z := &r.Zones[i]
		for _, l := range z.UplinkLaddrs {
			if u := r.Gateway.Uplink(l.Uplink); u == nil || !z.MayLeaveBy(u) {
				continue
			}
			for _, node := range r.NodeNames() {
				if lacks(r, l.Laddrs, node) && slices.ContainsFunc(z.Pools(), func(p *policy.Pool) bool { return !lacks(r, p, node) }) {
					r.find(l.Pos, "zone "+z.Name, "give it laddrs there, or let the zone choose other uplinks",
						"node %s has no laddrs for the uplink %s: connections that leave by it there are dropped", node, l.Uplink)
				}
			}
		}
	}
}

// lacks tells whether a node has nothing of a pool: it says none, or is gone from the policy of that node.
func lacks(r *run, p *policy.Pool, node string) bool {
	if at := r.NodeName(); at != "" {
		return at == node && p == nil
	}
	return p != nil && p.None(node)
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
