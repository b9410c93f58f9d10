package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// claim is one VIP, protocol and port range of one service.
type claim struct {
	vip     netip.Addr
	ports   inet.ProtoPorts
	service int
}

// kind orders claims: exact ports, ranges, all ports. Claims contradict only their kind,
// because an exact port wins over a range and a range over all.
func (c claim) kind() int {
	switch {
	case c.ports.Ports.Single():
		return 0
	case c.ports.Ports != inet.AnyPort:
		return 1
	}
	return 2
}

// maxClaims is how many VIPs times ports all services together may have. It bounds what
// a small file can ask of the checks and of the kernel; 30,000 services with both
// families and ten ports each stay below.
const maxClaims = 1_000_000

// checkClaims reports services that claim the same VIP, protocol and port.
func (c *checker) checkClaims() {
	services := c.Services
	claims := make([]claim, 0, len(services))
	for i := range services {
		if n := len(services[i].VIP) * len(services[i].Ports); len(claims)+n > maxClaims {
			c.Fault(services[i].At("ports"), "S19", Object{"service", services[i].Name}, "write ranges, or split the policy",
				"with the %d VIPs times %d ports of this service, all services together have more than %d combinations", len(services[i].VIP), len(services[i].Ports), maxClaims)
			return
		}
		for _, vip := range services[i].VIP {
			for _, pp := range services[i].Ports {
				claims = append(claims, claim{vip, pp, i})
			}
		}
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(a.vip.Compare(b.vip), cmp.Compare(a.ports.Proto, b.ports.Proto), cmp.Compare(a.kind(), b.kind()),
			cmp.Compare(a.ports.Ports.First, b.ports.Ports.First), cmp.Compare(a.service, b.service))
	})
	var widest claim // of those of the same VIP, protocol and kind
	for i, next := range claims {
		if i == 0 || next.vip != widest.vip || next.ports.Proto != widest.ports.Proto || next.kind() != widest.kind() {
			widest = next
			continue
		}
		if next.ports.Ports.Overlaps(widest.ports.Ports) {
			c.conflict(widest, next)
		}
		if next.ports.Ports.Last > widest.ports.Ports.Last {
			widest = next
		}
	}
}

// conflict reports two claims of one kind that meet, at the one written later.
func (c *checker) conflict(a, b claim) {
	if b.service < a.service {
		a, b = b, a
	}
	first, second := &c.Services[a.service], &c.Services[b.service]
	code, what, hint := "S01", "claims", "give one of the two another VIP or port"
	if a.ports != b.ports {
		code, what, hint = "S02", "overlaps with", "split the ranges; one exact port inside a range is allowed"
	}
	other := fmt.Sprintf("service %s (%s)", first.Name, first.At("ports"))
	if first == second {
		c.Fault(second.At("ports"), code, Object{"service", second.Name}, hint, "%s overlaps with %s of the same service", b.ports, a.ports)
		return
	}
	if code == "S01" {
		c.Fault(second.At("ports"), code, Object{"service", second.Name}, hint, "%s on %s%s already belongs to %s", b.ports, b.vip, second.ofInterface(b.vip), other)
		return
	}
	c.Fault(second.At("ports"), code, Object{"service", second.Name}, hint, "%s on %s%s %s %s of %s", b.ports, b.vip, second.ofInterface(b.vip), what, a.ports, other)
}
