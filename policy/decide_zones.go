package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// mapped is the way into a zone with `map`: whoever calls an address of the map's range
// gets the source at the same offset, the gateway itself too. The zone's other conditions do
// not matter here.
func (d *decider) mapped() bool {
	if d.passed { // what a service lets pass stays as it is until it leaves
		return false
	}
	for i := range d.policy.Zones {
		z := &d.policy.Zones[i]
		if !z.Map.Contains(d.pkt.To.Addr()) {
			continue
		}
		d.Zone = z.Name
		host := sameOffset(d.pkt.To.Addr(), z.Map, z.mapped())
		d.DNAT = []netip.AddrPort{netip.AddrPortFrom(host, d.pkt.To.Port())}
		return d.accept("zone %s: its map %s contains %s, which stands for %s", z.Name, z.Map, d.pkt.To.Addr(), host)
	}
	return false
}

// mapped returns the one prefix that a zone's sources are, where the zone has a map.
func (z *Zone) mapped() inet.Range { return inet.Merge(z.From)[0] }

// sameOffset returns the address that has the place in one range that a has in another.
func sameOffset(a netip.Addr, from, to inet.Range) netip.Addr {
	out, _ := nth([]inet.Range{to}, distanceOf(from.From, a))
	return out
}

// zones lets the first zone decide whose conditions all hold.
func (d *decider) zones() bool {
	var elsewhere []string // zones that are not about this source
	flush := func() {
		if len(elsewhere) > 0 {
			d.say("%s: the source %s is not in `from`", someZones(elsewhere), d.pkt.From.Addr())
		}
		elsewhere = nil
	}
	for i := range d.policy.Zones {
		z := &d.policy.Zones[i]
		if !contains(z.From, d.pkt.From.Addr()) {
			elsewhere = append(elsewhere, z.Name)
			continue
		}
		flush()
		if why := d.differs(z); why != "" {
			d.say("zone %s: %s", z.Name, why)
			continue
		}
		d.Zone = z.Name
		d.Timeouts = d.policy.ZoneTimeouts(z)
		return d.act(z)
	}
	flush()
	return false
}

// someZones names zones, a few at most.
func someZones(names []string) string {
	const few = 5
	switch {
	case len(names) == 1:
		return "zone " + names[0]
	case len(names) > few:
		return fmt.Sprintf("zones %s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return "zones " + strings.Join(names, ", ")
}

// differs says which condition of a zone does not hold, and nothing where all do. The
// source is in `from`.
func (d *decider) differs(z *Zone) string {
	pkt := &d.pkt
	uplinks := d.policy.Gateway.Uplinks
	switch why := d.policy.differsBefore(z, pkt); {
	case why != "":
		return why
	case len(z.OIf) > 0 && !inet.IsAnyInterface(z.OIf, pkt.OIf):
		return fmt.Sprintf("%s is not in `oif`", orUnknown(pkt.OIf))
	case len(z.OIf) == 0 && len(uplinks) > 0 && !inet.IsAnyInterface(uplinks, pkt.OIf):
		return fmt.Sprintf("%s is not an uplink", orUnknown(pkt.OIf))
	}
	return ""
}

// differsBefore is differs for the conditions that are known before the way is.
func (p *Policy) differsBefore(z *Zone, pkt *Packet) string {
	switch {
	case len(z.To) > 0 && !contains(z.To, pkt.To.Addr()):
		return fmt.Sprintf("the destination %s is not in `to`", pkt.To.Addr())
	case len(z.Ports) > 0 && !slices.ContainsFunc(z.Ports, pkt.calls):
		return fmt.Sprintf("%s is not in `ports`", pkt.called())
	case len(z.IIf) > 0 && !inet.IsAnyInterface(z.IIf, pkt.IIf):
		return fmt.Sprintf("%s is not in `iif`", orUnknown(pkt.IIf))
	}
	return ""
}

// act does what a zone that matches wants.
func (d *decider) act(z *Zone) bool {
	d.limits("zone "+z.Name, &z.Limits)
	switch {
	case contains(z.Exclude, d.pkt.To.Addr()):
		return d.accept("zone %s: matches, and excludes %s: untranslated", z.Name, d.pkt.To.Addr())
	}
	d.watch("zone", z.Name, z.Controls())
	switch {
	case z.Map.Family() != 0:
		d.SNAT = []inet.Range{inet.AddrRange(sameOffset(d.pkt.From.Addr(), z.mapped(), z.Map))}
		return d.accept("zone %s: matches; %s stands for %s in its map %s", z.Name, d.SNAT[0], d.pkt.From.Addr(), z.Map)
	case z.Action == Snat:
		return d.snat(z)
	case z.Action == Masquerade:
		d.Masquerade = true
		return d.accept("zone %s: matches; the source becomes the address of the interface that it leaves through", z.Name)
	case z.Action == Accept:
		return d.accept("zone %s: matches; untranslated", z.Name)
	}
	return d.end(z.Action, "zone %s: matches; action %s", z.Name, z.Action)
}

// snat gives the source a laddr of the zone's pool.
func (d *decider) snat(z *Zone) bool {
	if z.UplinkLaddrs != nil {
		return d.snatBy(z)
	}
	if z.Laddrs.Block > 0 {
		laddr, ports, ok := BlockOf(z.Laddrs, d.policy.Zones, d.pkt.From.Addr())
		if !ok {
			return d.end(Drop, "zone %s: matches, but the pool %s has no block for %s", z.Name, z.Laddrs.Name, d.pkt.From.Addr())
		}
		d.SNAT = []inet.Range{inet.AddrRange(laddr)}
		d.bind(ports)
		return d.accept("zone %s: matches; the block of %s is the ports %s of %s", z.Name, d.pkt.From.Addr(), ports, laddr)
	}
	if !d.laddrs(z.Laddrs) {
		return d.end(Drop, "zone %s: matches, but has no %s laddr", z.Name, d.family)
	}
	return d.accept("zone %s: matches; the source becomes %s", z.Name, oneOf(d.Source().Targets))
}

// laddrs makes a pool's addresses the possible sources. It returns false where the pool
// has none of the packet's family.
func (d *decider) laddrs(pool *Pool) bool {
	d.SNAT = pool.Ranges(d.family)
	d.bind(pool.Ports)
	return len(d.SNAT) > 0
}

// bind restricts source ports, for protocols that have some.
func (d *decider) bind(ports inet.PortRange) {
	if d.pkt.Proto.HasPorts() {
		d.SNATPorts = ports
	}
}

// unmatched decides about what no zone does.
func (d *decider) unmatched() {
	g := &d.policy.Gateway
	if len(g.Uplinks) > 0 && !inet.IsAnyInterface(g.Uplinks, d.pkt.OIf) {
		d.accept("no zone matches, and %s is not an uplink: untouched", orUnknown(d.pkt.OIf))
		return
	}
	d.end(g.Unmatched, "no zone matches: gateway.unmatched is %s", g.Unmatched)
}

// invalid decides about what conntrack can assign to no connection.
func (d *decider) invalid() {
	g := &d.policy.Gateway
	switch {
	case d.pkt.Self:
		d.accept("the packet is the gateway's own: untouched")
	case d.strayHandshake(), d.secondChance():
	case len(g.Uplinks) > 0 && !inet.IsAnyInterface(g.Uplinks, d.pkt.OIf):
		d.accept("the packet belongs to no connection, and %s is not an uplink: untouched", orUnknown(d.pkt.OIf))
	case g.Invalid == Drop && !d.policy.decides():
		d.accept("there are no services or zones, and gateway.unmatched is accept: untouched")
	default:
		d.end(g.Invalid, "the packet belongs to no connection (ct state invalid): gateway.invalid is %s", g.Invalid)
	}
}

// decides tells whether the policy has anything that could decide about a packet.
func (p *Policy) decides() bool {
	return len(p.Services) > 0 || len(p.Zones) > 0 || p.Gateway.Unmatched != Accept
}
