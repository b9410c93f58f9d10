package policy

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// checkSynProxy makes sure that there are handshakes to answer.
func (c *checker) checkSynProxy(s *Service) {
	if s.SynProxy.On && s.ByMark() {
		c.Fault(s.At("syn_proxy"), "S42", Object{"service", s.Name}, "remove syn_proxy, or write a service with a VIP for these connections",
			"a SYN proxy answers in front of conntrack, where packets have no mark yet")
	}
	tcp := func(p inet.ProtoPorts) bool { return p.Proto == inet.TCP }
	if s.SynProxy.On && len(s.Ports) > 0 && !slices.ContainsFunc(s.Ports, tcp) {
		c.Fault(s.At("syn_proxy"), "S35", Object{"service", s.Name}, "remove syn_proxy, or add a port of tcp",
			"a SYN proxy answers TCP handshakes, and the service takes no tcp")
	}
}
