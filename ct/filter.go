package ct

import "net/netip"

// Filter selects flows. What is left zero selects all.
type Filter struct {
	Zone, Service string
	Laddr         netip.Addr // translated source
	Server        netip.Addr // real server that a service sent the flow to
	ServerPort    uint16     // only with this port
}

// Match tells whether a flow and its owner are selected.
func (s *Filter) Match(f *Flow, o *Owner) bool {
	return (s.Zone == "" || s.Zone == o.Zone) &&
		(s.Service == "" || s.Service == o.Service) &&
		(!s.Laddr.IsValid() || s.Laddr == o.Laddr) &&
		(!s.Server.IsValid() || s.Server == o.Server.Addr()) &&
		(s.ServerPort == 0 || s.ServerPort == o.Server.Port())
}
