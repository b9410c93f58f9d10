package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// way finds out through which uplinks a new connection is sent, and by which its answers leave. That is
// decided before its destination is: the way depends on both then, by the routes of the host.
func (d *decider) way() {
	g := &d.policy.Gateway
	if len(g.Routed) == 0 || d.pkt.Self || d.pkt.Invalid || d.proxied() {
		return
	}
	if u := g.Through(d.pkt.IIf); u != nil {
		d.Answers = u.Name
		d.say("the connection comes in by the uplink %s: answers leave by it", u.Name)
		return
	}
	z := d.policy.chooser(&d.pkt)
	if z == nil {
		return
	}
	var names []string
	for _, u := range g.Ways(z.Uplink, d.family) {
		names = append(names, u.Name)
	}
	d.Uplinks = names
	switch {
	case len(names) == 0:
		d.say("zone %s: uplink is %s, which carries no %s: routes decide", z.Name, z.Uplink, d.family)
	case z.Uplink.Balance:
		d.say("zone %s: uplink is balance: the source has one of %s, by their weights", z.Name, strings.Join(names, ", "))
	default:
		d.say("zone %s: uplink is %s: %s", z.Name, z.Uplink, g.whyFirst(z.Uplink, d.family, names[0]))
	}
}

// chooser returns the zone that chooses the uplink for a packet: the first whose conditions hold, as far as
// they can be known before its way is. nil: none does, or that one makes no choice.
func (p *Policy) chooser(pkt *Packet) *Zone {
	for i := range p.Zones {
		z := &p.Zones[i]
		if len(z.OIf) > 0 || !contains(z.From, pkt.From.Addr()) || p.differsBefore(z, pkt) != "" {
			continue
		}
		if z.Uplink.Written() {
			return z
		}
		return nil
	}
	return nil
}

// whyFirst says why a list of uplinks means the one that it does.
func (g *Gateway) whyFirst(c UplinkChoice, f inet.Family, name string) string {
	var passed []string
	for _, n := range c.Names {
		u := g.Uplink(n)
		switch {
		case n == name && u.Down:
			return "connections are sent through " + name + ", for all are down"
		case n == name && len(passed) > 0:
			return "connections are sent through " + name + ", for " + strings.Join(passed, " and ")
		case n == name:
			return "connections are sent through it"
		case !u.Carries(f):
			passed = append(passed, fmt.Sprintf("%s carries no %s", n, f))
		default:
			passed = append(passed, n+" is down")
		}
	}
	return ""
}

// snatBy gives the source a laddr of the zone's pool for the uplink that it leaves through.
func (d *decider) snatBy(z *Zone) bool {
	by := orUnknown(d.pkt.OIf)
	if u := d.policy.Gateway.Through(d.pkt.OIf); u != nil {
		by = u.Name
	}
	if pool := z.PoolThrough(&d.policy.Gateway, d.pkt.OIf); pool == nil || !d.laddrs(pool) {
		return d.end(Drop, "zone %s: matches, but has no %s laddr for %s", z.Name, d.family, by)
	}
	return d.accept("zone %s: matches; through %s the source becomes %s", z.Name, by, oneOf(d.Source().Targets))
}

// DecideAll decides about a packet of which it is not known where it leaves: if a zone chooses among
// uplinks, it may leave by each of them, and what may become of it is all that each makes possible. Any
// other packet leaves where WayOut says.
func (p *Policy) DecideAll(pkt Packet) Decision {
	if pkt.OIf != "" {
		return p.Decide(pkt)
	}
	exits := p.exits(pkt)
	if len(exits) == 0 {
		pkt.OIf = p.WayOut(pkt.To.Addr())
	}
	return p.decideBy(pkt, exits)
}

// exits returns the interfaces that the choice of a zone lets a packet leave through; none: no zone chooses.
func (p *Policy) exits(pkt Packet) (out []string) {
	z := p.chooser(&pkt)
	d := decider{policy: p, pkt: pkt, family: inet.FamilyOf(pkt.From.Addr())}
	if z == nil || d.proxied() || p.Gateway.Through(pkt.IIf) != nil || p.inside(pkt.To.Addr()) {
		return nil
	}
	for _, u := range p.Gateway.Ways(z.Uplink, d.family) {
		out = append(out, u.Interface)
	}
	return out
}

// inside tells whether an address is a real server's.
func (p *Policy) inside(a netip.Addr) bool {
	return slices.ContainsFunc(p.Services, func(s Service) bool { return s.IsServer(a) })
}

// decideBy joins the decisions about a packet that leaves by one of several interfaces.
func (p *Policy) decideBy(pkt Packet, exits []string) Decision {
	if len(exits) == 0 {
		return p.Decide(pkt)
	}
	pkt.OIf = exits[0]
	d := p.Decide(pkt)
	for _, exit := range exits[1:] {
		pkt.OIf = exit
		o := p.Decide(pkt)
		d.SNAT = inet.Merge(append(slices.Clone(d.SNAT), o.SNAT...))
		d.Masquerade = d.Masquerade || o.Masquerade
		if o.Reason != d.Reason {
			d.Steps = append(d.Steps, "or, through "+exit+": "+o.Reason)
		}
	}
	return d
}
