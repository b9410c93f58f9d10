package policy

import (
	"strings"

	"github.com/snatctl/snatctl/inet"
)

// checkTimeouts refuses timeouts that the table cannot hold, and those that nobody would set.
func (c *checker) checkTimeouts() {
	g := &c.Gateway
	if g.Timeouts != nil && !g.Sysctls {
		var keys []string
		for i, d := range g.Timeouts {
			if d > 0 && flowStates[i].Sysctl != "" {
				keys = append(keys, flowStates[i].Key)
			}
		}
		if len(keys) > 0 {
			c.Fault(g.At("timeouts"), "R02", Object{Kind: "gateway"}, "remove sysctls: false, or write timeouts as a mapping without them",
				"the timeouts of %s are sysctls of the whole machine, and sysctls is false", strings.Join(keys, ", "))
		}
	}
	for i := range c.Zones {
		if z := &c.Zones[i]; z.MSS != 0 && z.Conditional() && !c.partial.zone(i) {
			c.Fault(z.At("mss"), "R03", Object{"zone", z.Name}, "write mss at a zone without them, or under gateway", "its connections are not told by their sources alone (to, ports, iif or oif), and mss needs that")
		}
		if z := &c.Zones[i]; z.Timeouts != nil && !c.partial.zone(i) {
			c.checkDefaultTimeouts(z.Where, Object{"zone", z.Name}, c.ZoneTimeouts(z))
		}
	}
	for i := range c.Services {
		if s := &c.Services[i]; s.Timeouts != nil && !c.partial.service(i) {
			c.checkDefaultTimeouts(s.Where, Object{"service", s.Name}, c.ServiceTimeouts(s))
		}
	}
}

// checkDefaultTimeouts refuses ct timeout objects that have nothing but what the kernel has by itself. They
// are needed only where the gateway has others.
func (c *checker) checkDefaultTimeouts(w Where, about Object, t Timeouts) {
	gateway := c.GatewayTimeouts()
	for _, p := range [...]inet.Proto{inet.UDP, inet.TCP} {
		if t.Usual(p) && !gateway.Usual(p) {
			c.Fault(w.At("timeouts"), "R01", about, "make one of them a second longer",
				"its timeouts of %s are the kernel's own, and the gateway's are not: nft 1.0.6 cannot load such an object again", p)
		}
	}
}

// Usual tells whether a protocol's flows have the kernel's own timeouts.
func (t *Timeouts) Usual(p inet.Proto) bool {
	for i, s := range flowStates {
		if s.Proto == p && t[i] > 0 && t[i] != s.Kernel {
			return false
		}
	}
	return true
}
