package policy

import (
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// checkZoneHelpers reports helpers that no connection of the zone can have.
func (c *checker) checkZoneHelpers(z *Zone) {
	about := Object{"zone", z.Name}
	if len(z.Helpers) > 0 && (z.Action == Drop || z.Action == Reject) {
		c.Fault(z.At("helpers"), "X13", about, "remove helpers", "the action %s leaves no connection that a helper could read", z.Action)
		return
	}
	families := rangeFamilies(z.From)
	for i, h := range z.Helpers {
		c.checkHelper(about, z.Item("helpers", i), h, h.controls(portsOr(z.Ports), false), families, func() {
			c.Fault(z.Item("helpers", i), "X11", about, "add its port to `ports`, or remove it", "the helper %s reads %s, which is not in `ports`", h.Helper, h.wanted())
		})
	}
	c.checkHelperPorts(about, z.At("helpers"), z.Controls())
}

// portsOr returns limits for controls: nil where a zone asks for no ports.
func portsOr(ports []inet.ProtoPorts) []inet.ProtoPorts {
	if len(ports) == 0 {
		return nil
	}
	return ports
}

// checkServiceHelpers reports helpers that no connection of the service can have.
func (c *checker) checkServiceHelpers(s *Service) {
	if len(s.Helpers) == 0 {
		return
	}
	about := Object{"service", s.Name}
	var families familySet
	for _, vip := range s.VIP {
		families.add(inet.FamilyOf(vip))
	}
	for i := range s.Interfaces {
		families.addMeant(s.Interfaces[i].Family)
	}
	for i, h := range s.Helpers {
		c.checkHelper(about, s.Item("helpers", i), h, controls([]Watched{h}, s.Ports, true), families, func() {
			c.Fault(s.Item("helpers", i), "X11", about, "add its port to `ports`, or remove it", "the helper %s reads %s, which the service does not take", h.Helper, h.wanted())
		})
	}
	c.checkHelperPorts(about, s.At("helpers"), s.Controls())
}

// checkHelper holds one helper against what the object's connections can be.
func (c *checker) checkHelper(about Object, at Pos, h Watched, found []Control, families familySet, nothing func()) {
	if len(found) == 0 {
		nothing()
		return
	}
	if f := found[0].Family; f != 0 && families != (familySet{}) && !families.has(f) {
		c.Fault(at, "X14", about, "remove it", "the kernel translates %s for %s alone, and all addresses are of the other family", h.Helper, f)
	}
}

// wanted says which protocol and ports a helper asks for.
func (w Watched) wanted() string {
	if w.Ports.IsZero() {
		return w.Helper.OwnPorts()
	}
	var protos []string
	for _, k := range kernelHelpers {
		if k.Helper == w.Helper && k.follows() {
			protos = append(protos, inet.ProtoPorts{Proto: k.Proto, Ports: w.Ports}.String())
		}
	}
	return strings.Join(protos, " and ")
}

// checkHelperPorts reports two helpers for one port: a connection has one.
func (c *checker) checkHelperPorts(about Object, at Pos, list []Control) {
	for i, a := range list {
		for _, b := range list[:i] {
			if a.Proto == b.Proto && a.Ports.Overlaps(b.Ports) && a.Kernel != b.Kernel {
				c.Fault(at, "X12", about, "say which port is whose, as in "+string(a.Helper)+"/2121",
					"the helpers %s and %s would both read %s", b.Helper, a.Helper, inet.ProtoPorts{Proto: a.Proto, Ports: inet.PortRange{First: max(a.Ports.First, b.Ports.First), Last: min(a.Ports.Last, b.Ports.Last)}})
				return
			}
		}
	}
}
