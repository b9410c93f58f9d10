package policy

import (
	"slices"

	"github.com/snatctl/snatctl/inet"
)

// asksPort tells whether a type of checks asks at a port.
func (t CheckType) asksPort() bool { return t.Uses("port") && t != CheckExec }

// Speaks returns the protocol that a type of checks asks by. For those that ask otherwise it is TCP.
func (t CheckType) Speaks() inet.Proto {
	if t == CheckUDP || t == CheckDNS {
		return inet.UDP
	}
	return inet.TCP
}

// CheckedAt returns the ports of the service whose first one a check asks at, if neither the check
// nor the real server has a port: the first of the protocol that the check speaks, else the first
// of all. The zero value: the service has none.
func (s *Service) CheckedAt(t CheckType) inet.ProtoPorts {
	i := slices.IndexFunc(s.Ports, func(pp inet.ProtoPorts) bool { return pp.Proto == t.Speaks() })
	if i < 0 && len(s.Ports) == 0 {
		return inet.ProtoPorts{}
	}
	return s.Ports[max(i, 0)]
}

// checkHealthPort reports a health check that cannot know which port to ask.
func (c *checker) checkHealthPort(s *Service) {
	h := s.HealthCheck
	if h == nil || h.Port != 0 || !h.Type.asksPort() || !s.ByMark() && (len(s.Ports) == 0 || s.CheckedAt(h.Type).Ports != inet.AnyPort) {
		return
	}
	i := slices.IndexFunc(s.RealServers, func(rs RealServer) bool { return rs.Port == 0 })
	if i < 0 {
		return
	}
	c.Fault(s.At("health_check"), "A12", Object{"service", s.Name}, "write the port in the health check, or give it another type, such as icmp",
		"the health check does not know which port of %s to ask: clients may call any, and neither has one", s.RealServers[i])
}
