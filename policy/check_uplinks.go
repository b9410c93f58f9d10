package policy

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// checkUplinks applies the rules about uplinks written as objects, and about zones that choose among them.
func (c *checker) checkUplinks() {
	g, about := &c.Gateway, Object{"gateway", ""}
	for i := range g.Routed {
		u := &g.Routed[i]
		if first := g.Through(u.Interface); first != u && u.Interface != "" {
			c.Fault(u.At("interface"), "U04", about, "an uplink with two routers is two uplinks behind two interfaces (VLANs, macvlan)",
				"uplinks.%s: %s is the interface of %s, too", u.Name, u.Interface, first.Name)
		}
	}
	if tables := g.RoutingTables; len(g.Routed) > min(MaxUplinks, tables.Last-tables.First+1) {
		c.Fault(g.At("uplinks"), "U03", about, "give routing_tables more numbers, 100 at most", "there are %d uplinks and only %d routing tables for them", len(g.Routed), min(MaxUplinks, tables.Last-tables.First+1))
	}
	if len(g.Routed) > 0 && g.Offload != OffloadOff {
		c.Fault(g.At("offload"), "U08", about, "remove one of the two", "offload: %s and uplinks by name exclude each other: packets of flows on a flowtable are not sent to their uplink", g.Offload)
	}
	for i := range c.Zones {
		c.checkChoice(&c.Zones[i])
		if !c.partial.zone(i) {
			c.checkUplinkLaddrs(&c.Zones[i])
		}
	}
	for i := range c.Tests {
		for _, name := range c.Tests[i].Expect.Uplink {
			c.knownUplink(name, c.Tests[i].Expect.At("uplink"), Object{"test", c.Tests[i].Name})
		}
	}
}

// knownUplink reports an uplink that is not defined.
func (c *checker) knownUplink(name string, at Pos, about Object) bool {
	if c.Gateway.Uplink(name) != nil {
		return true
	}
	hint := "define it under gateway.uplinks, or correct the name"
	if len(c.Gateway.Routed) == 0 && len(c.Gateway.Uplinks) > 0 {
		hint = "gateway.uplinks lists interfaces: write uplinks: {" + name + ": {interface: " + c.Gateway.Uplinks[0] + ", gateway: ADDRESS}}"
	}
	c.Fault(at, "U05", about, hint, "there is no uplink %s", name)
	return false
}

// checkChoice holds the uplink that a zone chooses against its other keys.
func (c *checker) checkChoice(z *Zone) {
	about := Object{"zone", z.Name}
	for i, name := range z.Uplink.Names {
		c.knownUplink(name, z.Item("uplink", i), about)
	}
	if !z.Uplink.Written() {
		return
	}
	switch at := z.At("uplink"); {
	case len(c.Gateway.Routed) == 0 && z.Uplink.Balance:
		c.Fault(at, "U06", about, "write gateway: {uplinks: {isp1: {interface: wan0, gateway: ADDRESS}, …}}", "there are no uplinks by name to balance among")
	case len(z.OIf) > 0:
		c.Fault(at, "U06", about, "remove oif, or let a zone without it choose the uplink", "the uplink is chosen before it is known which interface connections leave through, so a zone with oif cannot choose it")
	case z.Action == Drop || z.Action == Reject:
		c.Fault(at, "U06", about, "remove uplink", "the zone refuses its connections: they need no uplink")
	case z.Uplink.Balance && !slices.ContainsFunc(c.Gateway.Routed, func(u Uplink) bool { return u.Weight > 0 }):
		c.Fault(at, "U06", about, "give one a weight", "the weights of all uplinks are 0: there is none to balance among")
	}
}

// checkUplinkLaddrs finds uplinks that a zone's connections may leave through without a laddr for them.
func (c *checker) checkUplinkLaddrs(z *Zone) {
	if z.UplinkLaddrs == nil {
		return
	}
	about, has := Object{"zone", z.Name}, make(map[string]bool)
	for _, l := range z.UplinkLaddrs {
		has[l.Uplink] = true
		if !c.knownUplink(l.Uplink, l.Pos, about) {
			return
		}
		if l.Laddrs == nil {
			continue
		}
		if l.Laddrs.Block > 0 {
			c.Fault(l.Pos, "U06", about, "name pools without block", "the pool %s gives every source a block of ports, and a zone with laddrs per uplink cannot have that", l.Laddrs.Name)
		}
		have, from := c.poolFamilies(l.Laddrs), rangeFamilies(z.From)
		for _, f := range inet.Families {
			if from.has(f) && !have.has(f) && c.Gateway.Uplink(l.Uplink).Carries(f) {
				c.Fault(l.Pos, "Z08", about, "add an "+f.String()+" laddr, or remove the "+f.String()+" sources",
					"there are %s sources and no %s laddr for the uplink %s: their connections would be dropped", f, f, l.Uplink)
			}
		}
	}
	for i := range c.Gateway.Routed {
		u := &c.Gateway.Routed[i]
		if !has[u.Name] && z.MayLeaveBy(u) {
			c.Fault(z.At("laddrs"), "U07", about, "add "+u.Name+" to laddrs, or write uplink with those that have laddrs",
				"connections may leave through the uplink %s, and there is no laddr for it", u.Name)
		}
	}
}

// MayLeaveBy tells whether a zone lets its connections leave through an uplink. Where it makes no choice, any may be.
func (z *Zone) MayLeaveBy(u *Uplink) bool {
	switch {
	case z.Uplink.Balance:
		return u.Weight > 0
	case z.Uplink.Written():
		return slices.Contains(z.Uplink.Names, u.Name)
	case len(z.OIf) > 0:
		return inet.IsAnyInterface(z.OIf, u.Interface)
	}
	return true
}
